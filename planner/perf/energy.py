"""Electric power and energy of a pool (handbook §8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.perf.columns import CoefficientColumns, Columns, HardwareColumns
from planner.perf.step import Array, StepModel

IDLE_SHARE = 110.0 / 700.0
"""Power of a device with a model loaded and nothing to do, over its board limit [A]: 70 W bare (handbook §8) plus 26–66 W
for the CUDA context (arXiv 2605.23918) on H100; carried over to other devices."""
HOST_SHARE = (8400.0 - 5600.0) / 5600.0
"""Node power beyond its devices, over the devices' board limits [D]: 8×H100 node at 8.4 kW peak measured (Latif et al.
2025, handbook §8) less 8 × 700 W. The rated 10.2 kW would give 0.82."""


@dataclass(frozen=True)
class PowerFit(Columns):
    """Busy power over board limit: static + compute·MFU + memory·MBU, at most 1."""

    static: Array
    """Part that does not depend on load [1]."""
    compute: Array
    """Per unit of MFU [1]."""
    memory: Array
    """Per unit of MBU [1]."""
    assumed: Array
    """1 where carried over from another device, 0 where fitted on this one."""


_FITS = {"h100": (0.48, 1.45, 0.29), "b200": (0.31, 1.81, 0.87)}
"""Fits to ML.ENERGY leaderboard serving runs of dense models: H100 n = 85, 7 %; B200 n = 81, 12 % (handbook §8)."""


def power_fit(accelerators: list[str]) -> PowerFit:
    """Return the power fit of each accelerator, one entry a name.

    Parameters
    ----------
    accelerators : catalog names, matched on their start in lower case: `h100…`, `b200…`

    Returns
    -------
    PowerFit; every other accelerator takes the H100 line, marked `assumed`

    References
    ----------
    Handbook §8.
    """
    keys = [next((key for key in _FITS if name.lower().startswith(key)), None) for name in accelerators]
    static, compute, memory = np.array([_FITS[key or "h100"] for key in keys]).T
    return PowerFit(static=static, compute=compute, memory=memory, assumed=np.array([0.0 if key else 1.0 for key in keys]))


def busy_power(tdp: Array, mfu: Array, mbu: Array, fit: PowerFit) -> Array:
    """Return the power of a device that is serving.

    P = TDP·min(1, static + compute·MFU + memory·MBU)

    Parameters
    ----------
    tdp : board power limit [W]
    mfu, mbu : achieved FLOP/s and B/s over datasheet peaks, averaged over the busy time [1]
    fit : coefficients

    Returns
    -------
    P [W]

    Notes
    -----
    Fitted at default clocks on H100 and B200 SXM; MoE models and other devices are outside the data.

    References
    ----------
    Handbook §8.
    """
    return tdp * np.minimum(1.0, fit.static + fit.compute * mfu + fit.memory * mbu)


def utilization(
    step: StepModel,
    coefficients: CoefficientColumns,
    hardware: HardwareColumns,
    loads: tuple[Array, Array, Array, Array],
    tau: Array,
) -> tuple[Array, Array]:
    """Return MFU and MBU of an iteration against the datasheet.

    MFU = (flops·N·e + attention·G·m∞·F16/F)/τ,  MBU = ((weights + experts·cov)·u + kv·K·u_kv)/τ

    Parameters
    ----------
    step, coefficients, hardware : the deployment
    loads : (B, K, P, G) of the iteration [1, B, token, FLOP]
    tau : τ [s]

    Returns
    -------
    (MFU, MBU) [1]

    Notes
    -----
    Each term of τ times its efficiency is the time ideal hardware would take. Imbalance counts as work, and where decode
    attention is compute-bound (MLA on one rank) its time is counted as reading; both make power rather too high. What drafts
    read and compute is left out, a few per cent of the target's.

    References
    ----------
    Handbook §3, §8.
    """
    sequences, kv_bytes, prompt_tokens, attention_flop = loads
    tokens = step.width * sequences + prompt_tokens
    attention = step.attention * attention_flop * coefficients.attention_efficiency * hardware.peak16 / hardware.peak
    experts = step.experts * step.coverage(tokens) * coefficients.expert_bandwidth_efficiency
    moved = step.weights * coefficients.bandwidth_efficiency + experts + step.kv * kv_bytes * coefficients.kv_efficiency
    return (step.flops * tokens * coefficients.flops_efficiency + attention) / tau, moved / tau


def mean_power(tdp: Array, busy: Array, busy_share: Array) -> Array:
    """Return the mean power of a device that is busy part of the time.

    P = ρ·P_busy + (1 − ρ)·0.157·TDP

    Parameters
    ----------
    tdp : board power limit [W]
    busy : power while serving [W]
    busy_share : ρ, share of time an iteration runs [1]

    Returns
    -------
    P [W]

    References
    ----------
    Handbook §8; arXiv 2605.23918.
    """
    return busy_share * busy + (1.0 - busy_share) * IDLE_SHARE * tdp


def pool_energy(gpus: Array, gpu_power: Array, tdp: Array, pue: Array, seconds: Array) -> Array:
    """Return the energy a pool draws from the grid.

    E = PUE·n·(P_gpu + 0.5·TDP)·t

    Parameters
    ----------
    gpus : n, devices powered [1]
    gpu_power : mean power of one [W]
    tdp : board power limit, to which the node's own draw is proportional [W]
    pue : power usage effectiveness of the site [1]; 1.56 survey average 2024, 1.1 best hyperscale
    seconds : t [s]

    Returns
    -------
    E [J]

    Notes
    -----
    Hosts, fans and network are taken as constant (`HOST_SHARE`), an assumption from one kind of node.

    References
    ----------
    Handbook §8; Latif et al. 2025.
    """
    return pue * gpus * (gpu_power + HOST_SHARE * tdp) * seconds
