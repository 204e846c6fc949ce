"""What calibration may find: effects on coefficients, each shared by all points of its level, each near 1 unless data insist.

A coefficient of a point is its kernel value times the factors of every effect that speaks of it (`planner.domain.engine`,
`Factor`). An effect has one factor for each level it meets: one per engine, per format, per accelerator under an engine in
a format. Shared levels carry over to models and accelerators that were never measured; narrow ones take up what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from planner.catalog.coefficients import Case
from planner.domain.catalog import Catalog
from planner.domain.engine import Coefficient, Kind

Axis = Literal["accelerator", "generation", "engine", "format", "version"]
Level = tuple[str, ...]

GENERATIONS = ("Volta", "Turing", "Ampere", "Ada", "Hopper", "Blackwell", "CDNA3", "CDNA4", "Gaudi2", "Gaudi3")
"""Words of `Accelerator.architecture` that name a generation of kernels."""


@dataclass(frozen=True)
class Effect:
    """One multiplier, estimated per level."""

    coefficients: tuple[tuple[Coefficient, float], ...]
    """What it scales, each to a power: (e, −1) and (m∞, −1) together are the time of prompts' computation."""
    by: tuple[Axis, ...] = ()
    """What tells its levels apart; nothing = one level."""
    kind: Kind | Literal["*"] = "*"
    """Models it is about."""
    spread: float = 0.2
    """Standard deviation of its logarithm before any data: how far from `center` it is believable [A]."""
    center: float = 1.0
    """Its value before any data [A]."""
    engine: str = "*"
    """Engine it is about."""

    def level(self, case: Case, catalog: Catalog) -> Level | None:
        """Return the level of a case, None where the effect does not speak of it, or what tells its levels apart is unknown."""
        if (self.kind != "*" and self.kind not in case.kinds) or self.engine not in ("*", case.engine):
            return None
        level = tuple(_on(axis, case, catalog) for axis in self.by)
        return level if all(level) else None


def _on(axis: Axis, case: Case, catalog: Catalog) -> str:
    """Return where a case stands on an axis, '' where that is unknown: a factor with an empty key would hold for all."""
    if axis == "generation":
        words = catalog.accelerators[case.accelerator].architecture.split()
        return next((word for word in words if word in GENERATIONS), "")
    return str(getattr(case, axis))


def _on_one(coefficient: Coefficient, spread: float, *by: Axis, kind: Kind | Literal["*"] = "*", center: float = 1.0) -> Effect:
    return Effect(((coefficient, 1.0),), by, kind, spread, center)


COMPUTE: tuple[tuple[Coefficient, float], ...] = (
    ("flops_efficiency", -1.0),
    ("expert_flops_efficiency", -1.0),
    ("attention_efficiency", -1.0),
)
"""The time of all computation."""

CELL: tuple[Axis, ...] = ("accelerator", "engine", "format")

FIRM = 0.001
"""Spread of what is counted, not fitted."""

SHARED: tuple[Effect, ...] = (
    _on_one("host_per_layer", FIRM, kind="mixture", center=1.4),
    _on_one("host_per_layer", FIRM, kind="latent", center=1.2),
    _on_one("host_per_layer", FIRM, kind="quantized", center=1.1),
    Effect((("arrival_wait", 1.0),), engine="sglang", spread=FIRM, center=20.0),
    _on_one("bandwidth_efficiency", 0.15),
    _on_one("attention_efficiency", 0.15, kind="heads"),
    _on_one("attention_efficiency", 1.0, kind="latent"),
    _on_one("expert_flops_efficiency", 0.15, kind="mixture"),
    _on_one("expert_flops_efficiency", 1.0, "format", kind="mixture"),
    _on_one("expert_bandwidth_efficiency", 0.15, *CELL, kind="mixture"),
    _on_one("host_per_sequence", 1.0, "engine"),
    _on_one("host_per_request", 0.7, "engine", center=2.5),
    _on_one("prompt_host_per_request", 0.35, "engine"),
    _on_one("prompt_host_per_request", 1.5, *CELL),
    _on_one("handover", 1.0, "engine"),
    Effect(COMPUTE, ("accelerator",), spread=0.2),
    Effect(COMPUTE, ("engine", "format"), spread=0.1),
    Effect(COMPUTE, CELL, spread=0.1),
    _on_one("host_per_layer", 0.3, "engine", "version"),
    _on_one("host_per_request", 0.3, "engine", "version"),
    _on_one("expert_bandwidth_efficiency", 0.2, "engine", "version", kind="mixture"),
)
"""Everything a large collection of measurements can tell. Spreads and centers are beliefs held before the data: kernels are
measured (handbook §2), so their factors stay near 1; times of hosts differ between engines and their versions. Predictions that
name no version are those of the kernels and hosts of the catalogs, around which versions scatter.

Counted, not fitted: a mixture's layer launches some 1.4 times the kernels of a dense one (router, sort, gather, grouped products,
combine, shared expert on top of ten), latent attention 1.2 times (down- and up-projections, concatenation), quantized activations
1.1 times; SGLang servers look for new requests only every `scheduler_recv_interval` iterations, which published scripts set to
10 to 30. With ten models, fits of these traded against each other and predicted models left out worse.

Which effects there are was settled by leaving out whole models and whole accelerators: of 37 tried (host times by engine, format,
generation and cell, KV, collectives, skew, synchrony, prompt launches by engine and cell) those stayed without which models and
accelerators left out are predicted worse. Errors of models left out are to that extent chosen, though no fit saw them."""

OWN: tuple[Effect, ...] = (
    _on_one("host_per_layer", 0.3, *CELL),
    _on_one("host_per_request", 0.7, *CELL),
    _on_one("prompt_host_per_layer", 0.5, *CELL),
    _on_one("bandwidth_efficiency", 0.1, *CELL),
    _on_one("expert_bandwidth_efficiency", 0.2, *CELL, kind="mixture"),
    _on_one("kv_efficiency", 0.2, *CELL),
    Effect(COMPUTE, CELL, spread=0.3),
)
"""What a handful of measurements of one's own deployments can tell, on top of what is shipped."""


@dataclass(frozen=True, eq=False)
class Design:
    """Effects laid out over points: which factor each point takes of each effect."""

    effects: tuple[Effect, ...]
    """The effects."""
    levels: tuple[tuple[Level, ...], ...]
    """Of each effect, the levels that occur."""
    codes: tuple[NDArray[np.intp], ...]
    """Of each effect, [point] the level it is on; −1 where the effect does not speak of it."""

    @property
    def starts(self) -> NDArray[np.intp]:
        """Where the parameters of each effect start, and the number of all."""
        return np.cumsum([0, *(len(levels) for levels in self.levels)])

    @property
    def spread(self) -> NDArray[np.float64]:
        """[parameter] Standard deviation before any data."""
        return np.repeat([effect.spread for effect in self.effects], [len(levels) for levels in self.levels])

    def logs(self, parameters: NDArray[np.float64]) -> dict[Coefficient, NDArray[np.float64]]:
        """Return, for each coefficient that any effect scales, [point] the logarithm of its factor."""
        out: dict[Coefficient, NDArray[np.float64]] = {}
        for effect, codes, start, stop in zip(self.effects, self.codes, self.starts[:-1], self.starts[1:], strict=True):
            values = np.append(parameters[start:stop] + np.log(effect.center), 0.0)[codes]
            for coefficient, power in effect.coefficients:
                out[coefficient] = out.get(coefficient, 0.0) + power * values
        return out


def design(effects: Sequence[Effect], cases: Sequence[Case], case: NDArray[np.intp], catalog: Catalog) -> Design:
    """Lay effects out over points.

    Parameters
    ----------
    effects : what may be found
    cases : distinct cases
    case : [point] which case each is
    catalog : accelerators
    """
    levels, codes = [], []
    for effect in effects:
        found = [effect.level(one, catalog) for one in cases]
        distinct = sorted({level for level in found if level is not None})
        of_case = np.array([-1 if level is None else distinct.index(level) for level in found], dtype=np.intp)
        levels.append(tuple(distinct))
        codes.append(of_case[case])
    return Design(tuple(effects), tuple(levels), tuple(codes))
