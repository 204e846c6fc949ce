"""What a plan says beyond its figures so that it can be put to work: whose weights, which machines, how long calls are."""

from __future__ import annotations

from typing import Literal

from planner.domain.base import Strict
from planner.domain.llm import Role

Weights = Literal["published", "on_load", "converted"]
"""Where weights of a precision come from: as published, made of those while loading, or a checkpoint of its own."""


class CallsPart(Strict):
    """The calls of a stream that the plan serves."""

    stream: str
    """Stream."""
    name: str
    """Its name without settings."""
    workload: str
    """Workload."""
    stage: str
    """Stage of the workload's call graph; empty where a request is one call."""
    part: str
    """Which part of a stage's calls it is, such as `small` and `large` of a cascade; empty where there is one."""
    role: Role
    """What kind of model answers."""
    input_mean: float
    """Prompt tokens, shared prefix included: mean [token]."""
    input_deviation: float
    """Standard deviation [token]."""
    output_mean: float
    """Generated tokens: mean [token]."""
    output_deviation: float
    """Standard deviation [token]."""
    prefix_tokens: float
    """Tokens of the shared prefix, 0 where there is none [token]."""


class PoolPart(Strict):
    """What starting a pool needs to know beside its deployment."""

    pool: str
    """Pool."""
    vendor: str
    """Maker of the accelerator."""
    machine: str
    """The seller's own name of the machine."""
    gpus_per_machine: int
    """Accelerators of one machine, or the parts they are cut into."""
    weights: Weights
    """Where its weights come from."""
    native_precision: str
    """Precision of the published weights."""
    speculation: str | None
    """Method of drafting; absent = it does not draft."""
    draft: str | None
    """Hugging Face id of the draft's weights; absent = not known, or part of the model."""


class ApiPart(Strict):
    """An API that the plan uses, as its provider names it."""

    api: str
    """Catalog name."""
    provider: str
    """Provider, as in `genai-prices`."""
    model: str
    """The provider's name of the model."""


class Serving(Strict):
    """What exports need: no figure of the plan rests on it."""

    calls: tuple[CallsPart, ...]
    """Stream by stream, those that are served."""
    pools: tuple[PoolPart, ...]
    """Pool by pool."""
    apis: tuple[ApiPart, ...]
    """API by API."""
