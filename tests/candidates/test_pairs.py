"""What goes together, and the reason with its number where it does not."""

from __future__ import annotations

import pytest
import tiny

from planner.candidates.layouts import Hardware
from planner.candidates.pairs import (
    checkpoint_problem,
    compute_capability,
    cut_problem,
    engine_problem,
    format_problem,
    shape_fits_machine,
)
from planner.domain.catalog import Catalog
from planner.domain.layout import MAX_GPUS, Shape, all_shapes

FACTS = Catalog.model_validate(tiny.catalog())
MIXTURE = FACTS.models["org/large"].model_validate(
    tiny.catalog()["models"]["org/large"]
    | {"experts": {"layers": 48, "count": 8, "per_token": 2, "intermediate": 1024}, "attention": {
        "kind": "gqa", "layers": 48, "heads": 64, "kv_heads": 4, "head_dim": 128}}
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "vendor", "found"), [("9.0 Hopper", "nvidia", 9.0), ("10.3", "nvidia", 10.3), ("gfx942 CDNA3", "amd", None)]
)
def test_compute_capability(text: str, vendor: str, found: float | None) -> None:
    device = FACTS.accelerators["max"].model_copy(update={"architecture": text, "vendor": vendor})
    assert compute_capability(device) == found


def test_checkpoints() -> None:
    small, fp8 = FACTS.models["org/small"], FACTS.precisions["fp8"]
    published = fp8.model_copy(update={"universal": False})
    assert checkpoint_problem(small, "fp8", fp8) is None
    assert "no checkpoint or conversion in fp8" in str(checkpoint_problem(small, "fp8", published))
    assert checkpoint_problem(small.model_copy(update={"precisions": ("fp8",)}), "fp8", published) is None
    native = small.model_copy(update={"native_precision": "fp8"})
    assert checkpoint_problem(native, "fp8", published) is None
    assert "published in fp8" in str(checkpoint_problem(native, "bf16", FACTS.precisions["bf16"]))


def test_formats() -> None:
    fp8 = FACTS.precisions["fp8"]
    assert format_problem(FACTS.accelerators["max"], "fp8", fp8) is None
    assert format_problem(FACTS.accelerators["mini"], "fp8", fp8) == "its matrix units have no fp8"
    assert (
        format_problem(FACTS.accelerators["max"], "fp8", fp8.model_copy(update={"vendors": ("amd",)}))
        == "fp8 has kernels for amd only"
    )


def test_engines() -> None:
    engine, device = FACTS.engines["engine"], FACTS.accelerators["mini"]
    assert engine_problem(engine, device) is None
    newer = engine.model_copy(update={"min_compute_capability": 8.9})
    assert engine_problem(newer, device) == "Engine needs compute capability 8.9, this has 8"
    assert engine_problem(engine.model_copy(update={"vendors": ("amd",)}), device) == "Engine runs on amd"


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (Shape(8, 1, 1), None),
        (Shape(16, 1, 1), "40 heads cannot be shared by tp16"),
        (Shape(1, 2, 1), None),
        (Shape(1, 1, 2), "dp2 within a replica is for models with routed experts"),
    ],
)
def test_cuts_of_a_dense_model(shape: Shape, reason: str | None) -> None:
    assert cut_problem(shape, FACTS.models["org/large"], FACTS.engines["engine"]) == reason


def test_cuts_of_a_mixture() -> None:
    engine = FACTS.engines["engine"].model_copy(update={"expert_parallel": True, "pipeline_parallel": False})
    assert cut_problem(Shape(4, 1, 2), MIXTURE, engine) is None
    assert cut_problem(Shape(8, 1, 2), MIXTURE, engine) == "8 experts are fewer than ep16"
    assert cut_problem(Shape(1, 2, 1), MIXTURE, engine) == "Engine has no pipeline stages"
    assert cut_problem(Shape(1, 1, 2), MIXTURE, FACTS.engines["engine"]) == "Engine does not spread experts over dp2"


def test_layouts() -> None:
    shapes = all_shapes()
    assert len(set(shapes)) == len(shapes)
    assert max(shape.gpus for shape in shapes) == MAX_GPUS
    assert (str(Shape(4, 2, 1)), str(Shape(2, 1, 4)), Shape(2, 1, 4).ep, Shape(4, 1, 1).ep) == ("tp4 pp2", "tp2 dp4 ep8", 8, 1)


@pytest.mark.parametrize(
    ("shape", "node", "network", "fits"),
    [
        (Shape(1, 1, 1), 8, 0.0, True),
        (Shape(8, 1, 1), 8, 0.0, True),
        (Shape(4, 1, 1), 6, 0.0, False),  # two devices would stand idle
        (Shape(8, 2, 1), 8, 50e9, True),  # tensor parallel inside, stages across
        (Shape(8, 2, 1), 8, 0.0, False),  # no network is known
        (Shape(16, 1, 1), 8, 50e9, True),  # over exactly two machines, as bad as it is
        (Shape(16, 2, 1), 8, 50e9, True),
        (Shape(2, 1, 1), 1, 50e9, False),  # single devices do not form a replica over a network
        (Shape(8, 1, 1), 6, 50e9, False),
    ],
)
def test_which_layouts_fit_which_machines(shape: Shape, node: int, network: float, fits: bool) -> None:
    machine = Hardware("max", node, "link", network, "ethernet")
    assert shape_fits_machine(shape, machine, FACTS.accelerators["max"]) is fits


def test_a_scale_up_domain_joins_machines() -> None:
    rack = FACTS.accelerators["max"].model_copy(update={"scale_up_domain": 72})
    assert shape_fits_machine(Shape(8, 1, 1), Hardware("max", 4, "link", 0.0, "ethernet"), rack)


def test_what_a_replica_notices_of_its_machine() -> None:
    machine = Hardware("max", 8, "link", 50e9, "ethernet")
    assert machine.seen_by(1) == Hardware("max", 1, "none", 0.0, "none")
    assert machine.seen_by(4) == Hardware("max", 4, "link", 0.0, "none")
    assert machine.seen_by(16) == machine
