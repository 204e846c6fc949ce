"""What a pool draws under its load: information, in no cost and no limit.

    P_pool = Σ_replicas n·(P_gpu + 0.5·TDP),   P_gpu from MFU and MBU of the operating point (`perf.energy`)

Replicas without load, spares among them, draw what an idle device does. Facility overhead is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from planner.domain.plan_pools import Pool
from planner.perf import energy
from planner.plan.predict import Operation, Replicas

HOUR = 3600.0
JOULES_PER_KWH = 3.6e6


def expected_kw(
    pool: Pool,
    replicas: Replicas,
    operations: Mapping[str, Operation],
    working: Callable[[int], int],
    tdp: float | None,
    periods: Mapping[str, float],
) -> float | None:
    """Return the draw to be expected of a pool's replicas, hosts included, on average [kW].

    Parameters
    ----------
    pool, replicas : with its loads
    operations : period → how a replica runs; periods without load are missing
    working : replicas → how many of them carry load
    tdp : board power limit [W]
    periods : hours

    Returns
    -------
    float; None if the board power is not known, or batches end together
    """
    if tdp is None or any(operation.traffic is None for operation in operations.values()):
        return None
    joules = 0.0
    for load in pool.loads:
        operation = operations.get(load.period)
        busy = working(load.replicas) if operation is not None else 0
        drawn = busy * (0.0 if operation is None else device_power(replicas, operation, pool.deployment.accelerator, tdp))
        drawn += (load.replicas - busy) * energy.IDLE_SHARE * tdp
        joules += _joules(load.replicas, drawn, pool.deployment.layout.gpus, tdp, periods[load.period])
    return joules / JOULES_PER_KWH / sum(periods.values())


def _joules(replicas: int, drawn: float, gpus: int, tdp: float, hours: float) -> float:
    """Return what replicas take in some hours, hosts included; `drawn` is the sum over replicas of one accelerator each."""
    if not replicas:
        return 0.0
    count, each = np.array([float(replicas * gpus)]), np.array([drawn / replicas])
    return float(energy.pool_energy(count, each, np.array([tdp]), np.array([1.0]), np.array([hours * HOUR]))[0])


def device_power(replicas: Replicas, operation: Operation, device: str, tdp: float) -> float:
    """Return the mean draw to be expected of one accelerator of a replica under load [W].

    ρ = 1 − exp(−B − ρ_p): calls in hand are taken to be Poisson (assumption); while it runs, a replica does the work of its load
    over ρ, B/ρ sequences at a time

    Parameters
    ----------
    replicas, operation : the deployment and its operating point
    device : catalog name of the accelerator
    tdp : board power limit [W]
    """
    state, traffic, columns = operation.state, operation.traffic, replicas.columns
    if traffic is None:
        raise ValueError("the draw of static batches is not modelled")
    busy = -np.expm1(-(state.sequences + state.prompt_load))
    prompts = state.prompt_tokens / np.maximum(traffic.prompt, 1e-12)
    work = (state.sequences, state.sequences * traffic.kv, state.prompt_tokens, prompts * traffic.attention)
    sequences, kv_bytes, tokens, attention = (np.asarray(each / busy) for each in work)
    loads = (sequences, kv_bytes, tokens, attention)
    used = energy.utilization(replicas.compiled.step, columns.coefficients, columns.hardware, loads, state.iteration)
    drawn = energy.busy_power(np.array([tdp]), *used, energy.power_fit([device]))
    return float(np.max(energy.mean_power(np.array([tdp]), drawn, busy)))
