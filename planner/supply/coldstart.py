"""How long it takes until a new replica answers: machine, image, weights, engine.

    T_cold = t_machine + t_image + bytes/BW + t_init,    bytes = W·min(1, G/g),   BW = min(source, network, devices·PCIe)

W are the bytes of the checkpoint, g the accelerators of a replica, G those of a machine.
"""

from __future__ import annotations

from planner.domain.catalog import Catalog
from planner.domain.hardware import Accelerator, Instance
from planner.domain.llm import Model, Precision
from planner.domain.plan_scaling import ColdStart
from planner.domain.scaling import Autoscaling

SMALL = (8e9, 39.0)
LARGE = (70e9, 145.0)
"""(parameters, start of the engine with nothing cached [s]): Llama 3 8B on one device, vLLM pull request 11005 (2024-12); Llama
70B on eight, 15 s tracing + 70 s compilation + 60 s graphs, vLLM issue 19824 (2025-06)."""


def checkpoint_bytes(model: Model, precision: Precision) -> float:
    """Return the bytes of a model's weights as stored.

    W = (P_att·b_a + (P_dense + P_exp)·b_w + (P_embed + P_head)·b_e)/8, a tied head counted once

    Parameters
    ----------
    model : parameters by kind
    precision : b, bits per parameter of each kind

    Returns
    -------
    float [B]
    """
    count = model.parameters
    attention = precision.attention_bits or precision.bits_per_weight
    ends = count.embedding + (0.0 if count.tied else count.head)
    rest = (count.dense + count.experts) * precision.bits_per_weight
    return (count.attention * attention + rest + ends * precision.embedding_bits) / 8.0


def init_seconds(parameters: float) -> float:
    """Return how long an engine takes to start with nothing cached.

    t = 39 + (P − 8e9)/(70e9 − 8e9)·(145 − 39), within 39 and 145

    Parameters
    ----------
    parameters : P [1]

    Returns
    -------
    float [s]

    Notes
    -----
    Compilation and capture grow with the number of layers, not with bytes; between the two that were measured it is taken to grow
    with parameters, and not beyond them (assumption). The very first request may take longer (vLLM issue 19824: 30 to 60 s).

    Examples
    --------
    >>> init_seconds(8e9), init_seconds(39e9), init_seconds(400e9)
    (39.0, 92.0, 145.0)
    """
    (low, fast), (high, slow) = SMALL, LARGE
    part = min(max((parameters - low) / (high - low), 0.0), 1.0)
    return fast + part * (slow - fast)


def cold_start(
    model: Model, precision: Precision, instance: Instance, device: Accelerator, gpus: int, settings: Autoscaling
) -> ColdStart:
    """Return what it takes until a new replica answers.

    Parameters
    ----------
    model, precision : what is loaded
    instance, device : the machine and its accelerator
    gpus : accelerators of a replica
    settings : how machines start

    Returns
    -------
    ColdStart [s]

    Notes
    -----
    Machines of a replica read their parts at the same time; replicas that start together on one machine read the weights once
    (assumption: the second finds them in its memory). Reading and copying to the devices overlap, so the slower one counts;
    where the host link or the network of a machine is not known, it is taken not to be the slower one (assumption: from 16 GB/s
    on it is not). Drafts of speculative decoding are left out: they are small beside the model.
    """
    total = checkpoint_bytes(model, precision)
    held = total * min(1.0, instance.count / gpus)
    on_disk = settings.weights == "local_disk" and instance.local_storage is not None and instance.local_storage >= held
    link = device.pcie_bandwidth * min(gpus, instance.count) if device.pcie_bandwidth is not None else float("inf")
    network = instance.network if instance.network is not None else float("inf")
    rate = min(settings.disk_bandwidth if on_disk else min(settings.store_bandwidth, network), link)
    init = settings.init if settings.init is not None else init_seconds(model.parameters.total)
    loading = held / rate
    return ColdStart(
        machine=settings.machine,
        image=settings.image,
        weights=loading,
        init=init,
        weights_from="local_disk" if on_disk else "store",
        bytes_per_machine=held,
        seconds=settings.machine + settings.image + loading + init,
    )


def deployed(catalog: Catalog, model: str, precision: str, instance: str, gpus: int, settings: Autoscaling) -> ColdStart:
    """Return the cold start of a deployment by its names in the catalogs."""
    machine = catalog.instances[instance]
    device = catalog.accelerators[machine.accelerator]
    return cold_start(catalog.models[model], catalog.precisions[precision], machine, device, gpus, settings)


def paid_hours(start: ColdStart, settings: Autoscaling) -> float:
    """Return for how long each start of a replica is paid beside the periods in which the replica is needed.

    scheduled: (T_cold + T_delay)/3600: it starts before its period, and stays after it;  reactive: T_delay/3600

    Returns
    -------
    float [h]

    Notes
    -----
    Scaling reactively, replicas start within the period that needs them, whose hours are paid in any case.
    """
    ahead = start.seconds if settings.scaling == "scheduled" else 0.0
    return (ahead + settings.scale_in_delay) / 3600.0


def lag(start: ColdStart, settings: Autoscaling) -> float:
    """Return the share of the growth to the next period that arrives before new replicas answer; 0 where they start ahead.

    min(1, (T_detect + T_cold)/3600)

    Notes
    -----
    Load is taken to grow evenly within an hour, the finest that demand is stated in (assumption).
    """
    return min(1.0, (settings.detect + start.seconds) / 3600.0) if settings.scaling == "reactive" else 0.0
