"""Effects speak of the cases they name, and a design gives every point the factor of its level."""

import numpy as np
import pytest

from planner.calibrate.effects import CELL, GENERATIONS, OWN, SHARED, Effect, design
from planner.catalog.coefficients import Case
from planner.catalog.load import load_builtin

CATALOG = load_builtin()
DENSE = Case("h100-sxm", "vllm", "bf16", frozenset({"dense", "heads"}), "0.11.0")
MIXTURE = Case("b200-sxm", "sglang", "fp8", frozenset({"mixture", "latent", "quantized"}))
HOST = (("host_per_layer", 1.0),)


@pytest.mark.parametrize(
    ("effect", "dense", "mixture"),
    [
        (Effect(HOST), (), ()),
        (Effect(HOST, ("engine",)), ("vllm",), ("sglang",)),
        (Effect(HOST, ("generation",)), ("Hopper",), ("Blackwell",)),
        (Effect(HOST, CELL), ("h100-sxm", "vllm", "bf16"), ("b200-sxm", "sglang", "fp8")),
        (Effect(HOST, kind="mixture"), None, ()),
        (Effect(HOST, ("format",), kind="heads"), ("bf16",), None),
        (Effect(HOST, ("accelerator",), engine="sglang"), None, ("b200-sxm",)),
        (Effect(HOST, ("version",)), ("0.11.0",), None),  # a version that is not known is no level
    ],
)
def test_levels(effect, dense, mixture):
    assert effect.level(DENSE, CATALOG) == dense
    assert effect.level(MIXTURE, CATALOG) == mixture


def test_a_device_of_no_known_generation_takes_no_factor_of_one():
    """A factor without a generation would hold for all devices."""
    unknown = Case("arc-pro-b60", "vllm", "bf16")
    assert not set(CATALOG.accelerators["arc-pro-b60"].architecture.split()) & set(GENERATIONS)
    assert Effect(HOST, ("generation",)).level(unknown, CATALOG) is None


def test_generations_are_words_of_the_catalog():
    words = {word for device in CATALOG.accelerators.values() for word in device.architecture.split()}
    assert set(GENERATIONS) <= words


def test_a_point_takes_the_factors_of_all_effects_that_speak_of_it():
    effects = (
        Effect(HOST, ("engine",)),
        Effect(HOST, kind="mixture", center=1.5),
        Effect((("flops_efficiency", -1.0), ("attention_efficiency", -1.0)), ("accelerator",)),
    )
    laid = design(effects, (DENSE, MIXTURE), np.array([0, 1, 1, 0]), CATALOG)
    assert laid.levels == ((("sglang",), ("vllm",)), ((),), (("b200-sxm",), ("h100-sxm",)))
    assert list(laid.starts) == [0, 2, 3, 5]
    assert list(laid.spread) == [0.2] * 5
    logs = laid.logs(np.array([0.1, 0.2, 0.4, 0.03, 0.05]))
    both = 0.1 + 0.4 + np.log(1.5)
    assert list(logs["host_per_layer"]) == pytest.approx([0.2, both, both, 0.2])
    assert list(logs["flops_efficiency"]) == list(logs["attention_efficiency"]) == pytest.approx([-0.05, -0.03, -0.03, -0.05])
    assert set(logs) == {"host_per_layer", "flops_efficiency", "attention_efficiency"}


def test_nothing_found_leaves_the_centers():
    laid = design(SHARED, (DENSE, MIXTURE), np.array([0, 1]), CATALOG)
    logs = laid.logs(np.zeros(laid.starts[-1]))
    assert logs["bandwidth_efficiency"] == pytest.approx([0.0, 0.0])
    # A mixture with latent attention and quantized activations launches 1.4·1.2·1.1 times the kernels of a dense model.
    assert logs["host_per_layer"] == pytest.approx([0.0, np.log(1.4 * 1.2 * 1.1)])


@pytest.mark.parametrize("effects", [SHARED, OWN])
def test_no_effect_is_there_twice(effects):
    """Two effects on the same coefficients and levels would share one factor between them, arbitrarily."""
    keys = [(effect.coefficients, effect.by, effect.kind, effect.engine) for effect in effects]
    assert len(set(keys)) == len(keys)
