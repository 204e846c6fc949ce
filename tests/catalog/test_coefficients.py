import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.coefficients import coefficients_for
from planner.catalog.load import load_builtin
from planner.domain.catalog import Catalog
from planner.domain.engine import Coefficients
from planner.errors import MissingFact


def row(accelerator: str, engine: str, fmt: str, mark: float = 0.5) -> Coefficients:
    """A row whose only meaningful number is `mark`, so that a test can tell which row it got."""
    return Coefficients(
        accelerator=accelerator,
        engine=engine,
        format=fmt,
        flops_efficiency=mark,
        bandwidth_efficiency=0.8,
        norm=2.0,
        kv_efficiency=0.7,
        attention_efficiency=0.5,
        attention_half=1000,
        host_per_layer="50us",
        host_per_sequence=0.0,
        host_per_step=0.0,
        status="assumed",
        source="test",
        as_of="2026",
    )


def catalog(*keys: tuple[str, str, str]) -> Catalog:
    """A catalog of rows marked 0.01, 0.02, … in the order given."""
    rows = {f"row{i}": row(*key, mark=(i + 1) / 100) for i, key in enumerate(keys)}
    return Catalog(coefficients=rows)


def chosen(found: Coefficients) -> tuple[str, str, str]:
    return found.accelerator, found.engine, found.format


def test_the_accelerator_counts_before_the_engine_and_the_engine_before_the_format() -> None:
    # Eight rows, one per subset of names; taking the best away each time must give the order of a binary count downward.
    everything = list(itertools.product(("h100", "*"), ("vllm", "*"), ("bf16", "*")))
    for first in range(len(everything)):
        assert chosen(coefficients_for(catalog(*reversed(everything[first:])), "h100", "vllm", "bf16")) == everything[first]


def test_a_row_of_another_name_is_never_taken() -> None:
    with pytest.raises(MissingFact, match="a row `h100/vllm/bf16`"):
        coefficients_for(catalog(("a100", "vllm", "bf16"), ("h100", "sglang", "*"), ("h100", "*", "fp8")), "h100", "vllm", "bf16")


def test_fp16_takes_bf16_rows_unless_it_has_its_own() -> None:
    assert chosen(coefficients_for(catalog(("h100", "*", "*"), ("h100", "*", "bf16")), "h100", "vllm", "fp16"))[2] == "bf16"
    assert chosen(coefficients_for(catalog(("h100", "*", "fp16"), ("h100", "*", "bf16")), "h100", "vllm", "fp16"))[2] == "fp16"
    # A more specific engine outranks the better format, as for every other pair.
    assert chosen(coefficients_for(catalog(("h100", "*", "fp16"), ("h100", "vllm", "bf16")), "h100", "vllm", "fp16"))[1] == "vllm"


def test_bf16_does_not_take_fp16_rows() -> None:
    with pytest.raises(MissingFact):
        coefficients_for(catalog(("h100", "vllm", "fp16")), "h100", "vllm", "bf16")


def test_of_equal_rows_the_later_wins() -> None:
    assert coefficients_for(catalog(("h100", "*", "*"), ("h100", "*", "*")), "h100", "vllm", "bf16").flops_efficiency == 0.02


_NAMES = st.sampled_from(["a", "b", "*"])


@given(st.lists(st.tuples(_NAMES, _NAMES, st.sampled_from(["bf16", "fp8", "*"])), min_size=1, max_size=12, unique=True))
def test_the_answer_does_not_depend_on_the_order_of_distinct_rows(keys: list[tuple[str, str, str]]) -> None:
    try:
        forward = chosen(coefficients_for(catalog(*keys), "a", "b", "fp8"))
    except MissingFact:
        forward = None
    try:
        backward = chosen(coefficients_for(catalog(*reversed(keys)), "a", "b", "fp8"))
    except MissingFact:
        backward = None
    assert forward == backward


def test_every_accelerator_resolves_under_every_engine_in_every_format_it_multiplies() -> None:
    built_in = load_builtin()
    for (name, accelerator), engine in itertools.product(built_in.accelerators.items(), built_in.engines):
        for fmt in accelerator.peak:
            assert coefficients_for(built_in, name, engine, fmt).accelerator in (name, "*")


def test_every_accelerator_has_its_own_rows_for_the_formats_models_are_served_in() -> None:
    # The catch-all row is for devices users add; a device of the catalog must not fall through to it.
    built_in = load_builtin()
    for name, accelerator in built_in.accelerators.items():
        for fmt in {"bf16", "fp16", "fp8", "int8", "fp4"} & set(accelerator.peak):
            assert coefficients_for(built_in, name, "vllm", fmt).accelerator == name, (name, fmt)


def test_names_of_rows_say_what_they_are_for() -> None:
    for name, found in load_builtin().coefficients.items():
        assert name == "/".join("any" if part == "*" else part for part in chosen(found))


def test_fitted_rows_say_what_they_were_fitted_to_and_what_was_left_over() -> None:
    for name, found in load_builtin().coefficients.items():
        if found.status == "fitted":
            assert found.error is not None, name
            assert found.valid, name
        else:
            assert found.unverified, name


def test_end_to_end_efficiency_stays_below_the_bare_kernels() -> None:
    # Bare kernels of handbook §2 (H100 bf16 .81/.87, fp8 .58, B200 fp8 .57, nvfp4 .47); weights are read at .92 of peak at most.
    kernels = {"bf16": 0.81, "fp8": 0.58, "fp4": 0.47, "int8": 0.81}
    for name, found in load_builtin().coefficients.items():
        assert found.flops_efficiency <= kernels.get(found.format, 0.81), name
        assert found.bandwidth_efficiency <= 0.92, name
