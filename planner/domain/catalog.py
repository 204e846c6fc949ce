"""All facts a problem is solved with, after merging, as one frozen object."""

from __future__ import annotations

from pydantic import Field

from planner.domain.base import Identifier, Sourced, Strict
from planner.domain.engine import Coefficients, Engine, Evidence, Factor
from planner.domain.grids import Grid
from planner.domain.hardware import Accelerator, Fabric, Instance
from planner.domain.lever_facts import Component, ContextEffect, FineTuneFact, PositionEffect, Router, SemanticCacheCurve
from planner.domain.llm import KvPrecision, Model, Precision
from planner.domain.offers import ApiOffer, OwnedFleet, OwnedOffer
from planner.domain.speculation import Speculator
from planner.domain.spend import SpendCommitment
from planner.domain.store_facts import EgressPrice, StoreOffer
from planner.domain.variants import Partition, PowerPoint


class Benchmark(Sourced):
    """A public benchmark that quality floors may name."""

    task: str
    """What it measures: chat, coding, math, reasoning, knowledge, tools, long context …"""
    unit: str = "%"
    """Unit of its scores."""
    caution: str = ""
    """Saturation, self-reporting, windows: what to mind."""


class Catalog(Strict):
    """Facts by section and name. Rows of later files replace or extend those of earlier ones."""

    accelerators: dict[Identifier, Accelerator] = Field(default_factory=dict)
    """Devices."""
    fabrics: dict[Identifier, Fabric] = Field(default_factory=dict)
    """Links."""
    instances: dict[Identifier, Instance] = Field(default_factory=dict)
    """Machine shapes, named `seller/type`."""
    models: dict[Identifier, Model] = Field(default_factory=dict)
    """Open-weight models, named by their Hugging Face id."""
    precisions: dict[Identifier, Precision] = Field(default_factory=dict)
    """Weight and activation formats."""
    kv_precisions: dict[Identifier, KvPrecision] = Field(default_factory=dict)
    """KV cache formats."""
    engines: dict[Identifier, Engine] = Field(default_factory=dict)
    """Serving engines."""
    coefficients: dict[Identifier, Coefficients] = Field(default_factory=dict)
    """Kernels and hosts as measured or assumed, named `accelerator/engine/format`."""
    factors: dict[Identifier, Factor] = Field(default_factory=dict)
    """What calibration found to multiply them with."""
    evidence: dict[Identifier, Evidence] = Field(default_factory=dict)
    """What was measured, and how far predictions were off."""
    benchmarks: dict[Identifier, Benchmark] = Field(default_factory=dict)
    """Benchmarks quality floors may name."""
    apis: dict[Identifier, ApiOffer] = Field(default_factory=dict)
    """API offers, named `provider/model`."""
    owned: dict[Identifier, OwnedOffer] = Field(default_factory=dict)
    """Machines that can be bought."""
    fleet: dict[Identifier, OwnedFleet] = Field(default_factory=dict)
    """Machines already there."""
    routers: dict[Identifier, Router] = Field(default_factory=dict)
    """How well routers tell which calls need the strong model, named `router/training/benchmark`."""
    semantic_caches: dict[Identifier, SemanticCacheCurve] = Field(default_factory=dict)
    """Hits and false hits of semantic caches, named `method/traffic`."""
    context_effects: dict[Identifier, ContextEffect] = Field(default_factory=dict)
    """Quality by length of the input, named `benchmark/model`."""
    position_effects: dict[Identifier, PositionEffect] = Field(default_factory=dict)
    """Accuracy by place of the right passage, named `task/model`."""
    components: dict[Identifier, Component] = Field(default_factory=dict)
    """Services and software beside the models, named `seller/product`."""
    finetunes: dict[Identifier, FineTuneFact] = Field(default_factory=dict)
    """What training and compressing models takes, named `source/model/method/device`."""
    speculators: dict[Identifier, Speculator] = Field(default_factory=dict)
    """Drafts for speculative decoding, named `method/target`."""
    stores: dict[Identifier, StoreOffer] = Field(default_factory=dict)
    """Vector stores that may be rented, named `seller/size-index`."""
    egress: dict[Identifier, EgressPrice] = Field(default_factory=dict)
    """What a byte costs that leaves a cloud, named by the cloud."""
    grids: dict[Identifier, Grid] = Field(default_factory=dict)
    """Electricity grids, named by country or eGRID subregion."""
    partitions: dict[Identifier, Partition] = Field(default_factory=dict)
    """Parts that boards can be cut into."""
    power_points: dict[Identifier, PowerPoint] = Field(default_factory=dict)
    """Lower power limits of boards."""
    spend_commitments: dict[Identifier, SpendCommitment] = Field(default_factory=dict)
    """Discounts for committing to spend so much an hour with a seller."""
    digest: str = ""
    """SHA-256 over the merged rows, written into every plan."""

    def resolve_model(self, name: str) -> str | None:
        """Return the catalog name behind a name or alias, None if there is none."""
        if name in self.models:
            return name
        lowered = name.lower()
        for key, model in self.models.items():
            if lowered == key.lower() or lowered in (alias.lower() for alias in model.aliases):
                return key
        return None
