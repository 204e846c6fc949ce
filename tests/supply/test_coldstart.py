"""How long a replica takes to start: by hand, by its parts, and in its limits."""

from __future__ import annotations

from typing import Any

import pytest

from planner.domain.hardware import Accelerator, Instance
from planner.domain.llm import Model, Parameters, Precision
from planner.domain.plan_scaling import ColdStart
from planner.domain.scaling import Autoscaling
from planner.supply.coldstart import checkpoint_bytes, cold_start, init_seconds, lag, paid_hours

# 70e9 parameters in 16 bits: 140 GB.
LARGE = Model.model_construct(parameters=Parameters(attention=10e9, dense=58e9, embedding=1e9, head=1e9))
BF16 = Precision.model_construct(bits_per_weight=16.0, embedding_bits=16.0, attention_bits=None)


def start(
    gpus: int = 8, *, pcie: float | None = 64e9, network: float | None = None, disk: float | None = None, **given: Any
) -> Any:
    machine = Instance.model_construct(count=8, network=network, local_storage=disk)
    settings = Autoscaling(machine="0s", image="0s", init="30s", **given)
    return cold_start(LARGE, BF16, machine, Accelerator.model_construct(pcie_bandwidth=pcie), gpus, settings)


def test_by_hand() -> None:
    """140 GB at 2 GB/s = 70 s, and 30 s for the engine."""
    made = start()
    assert (made.weights, made.init, made.seconds) == pytest.approx((70, 30, 100))
    assert made.weights_from == "store"


def test_the_default_is_some_ten_minutes() -> None:
    """5 min for the machine, 4 for the image, 70 s for the weights, 145 s for the engine of 70B."""
    machine = Instance.model_construct(count=8, network=None, local_storage=None)
    made = cold_start(LARGE, BF16, machine, Accelerator.model_construct(pcie_bandwidth=None), 8, Autoscaling())
    assert made.seconds == pytest.approx(300 + 240 + 70 + 145)


@pytest.mark.parametrize(
    ("seconds", "case"),
    [
        (70, {}),
        (140, {"network": 1e9}),
        (70, {"network": 400e9}),
        (140 / 0.8, {"pcie": 0.1e9}),
        (140 / 0.1, {"pcie": 0.1e9, "gpus": 1}),
        (35, {"gpus": 16}),
        (70, {"gpus": 1}),
        (14, {"store_bandwidth": "10GB/s"}),
    ],
    ids=[
        "store",
        "slow network",
        "fast network",
        "host links",
        "one host link",
        "two machines",
        "read once a machine",
        "fast store",
    ],
)
def test_the_slowest_part_of_the_way_counts(seconds: float, case: dict[str, Any]) -> None:
    assert start(**case).weights == pytest.approx(seconds)


@pytest.mark.parametrize(("disk", "seconds", "source"), [(200e9, 28, "local_disk"), (100e9, 70, "store"), (None, 70, "store")])
def test_a_disk_counts_where_it_is_known_to_hold_the_weights(disk: float | None, seconds: float, source: str) -> None:
    made = start(disk=disk, weights="local_disk")
    assert (made.weights, made.weights_from) == (pytest.approx(seconds), source)
    assert start(disk=disk).weights_from == "store"


def test_every_kind_of_parameter_has_its_own_bits() -> None:
    """1 GB of attention in 16 bits, 2 GB of the rest in 4, 3 GB of table in 16, the head tied."""
    mixed = Model.model_construct(
        parameters=Parameters(attention=0.5e9, dense=3e9, experts=1e9, embedding=1.5e9, head=1.5e9, tied=True)
    )
    four = Precision.model_construct(bits_per_weight=4.0, embedding_bits=16.0, attention_bits=16.0)
    assert checkpoint_bytes(mixed, four) == pytest.approx(1e9 + 2e9 + 3e9)


def test_an_engine_starts_slower_the_larger_the_model_within_what_was_measured() -> None:
    assert [init_seconds(p) for p in (1e9, 8e9, 70e9, 671e9)] == [39, 39, 145, 145]


def test_what_is_paid_and_what_comes_too_late() -> None:
    """Ahead: 10 + 5 minutes are paid. When load has grown: 5, and (30 s + 10 min)/1 h of the growth comes before it answers."""
    ten = ColdStart(machine=600, image=0, weights=0, init=0, weights_from="store", bytes_per_machine=1, seconds=600)
    scheduled, reactive = Autoscaling(), Autoscaling(scaling="reactive")
    assert (paid_hours(ten, scheduled), lag(ten, scheduled)) == (pytest.approx(0.25), 0)
    assert (paid_hours(ten, reactive), lag(ten, reactive)) == (pytest.approx(5 / 60), pytest.approx(630 / 3600))
    assert lag(ten.model_copy(update={"seconds": 1e5}), reactive) == 1
