"""Read a Mélange instance as a program: Σ over buckets of rate/tput <= number of that GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from programs import program

from planner.optimize.program import Program

DATA = Path(__file__).parents[3] / "shared" / "data" / "melange"


def instance(raw: dict[str, Any]) -> Program:
    """Make every bucket a stream and every GPU type a pool of one-GPU replicas."""
    config = raw["melange_config"]
    gpus = list(config["gpu_info"].values())
    share = np.array(config["workload_distribution"], float).ravel()
    rate = share / share.sum() * config["total_request_rate"]
    tput = np.array([np.array(gpu["tputs"], float).ravel() for gpu in gpus]).T
    busy = rate > 0
    # 1e-4 requests/s marks a bucket that the GPU cannot serve.
    demand = np.where(tput[busy] > 2e-4, 1 / tput[busy], np.inf)
    each = range(len(gpus))
    return program(
        rate=rate[busy, None], demand=[demand], pool_cell=list(each), pool_gpus=[1] * len(gpus), cell_gpus=[1] * len(gpus),
        buy_cell=list(each), hourly=[gpu["cost"] for gpu in gpus],
    )  # fmt: skip
