"""From a pool of a plan to the replica that is simulated: the same iteration time and memory as its predictions."""

from __future__ import annotations

import numpy as np

from planner.candidates.deployed import read_of
from planner.domain.catalog import Catalog
from planner.domain.plan_pools import Deployment
from planner.perf.attention import compile_attention
from planner.perf.scalar import ScalarAttention, ScalarKv, ScalarStep
from planner.plan.predict import Replicas
from planner.simulate.engine import Engine, Policy, Speculation


def engine_of(replicas: Replicas, deployment: Deployment, catalog: Catalog) -> Engine:
    """Return the replica of a deployment, as slow as the plan takes it to be.

    Parameters
    ----------
    replicas : the deployment compiled, at the plan's confidence
    deployment : its settings
    catalog : engines

    Returns
    -------
    Engine

    Notes
    -----
    Data-parallel ranks of a replica count as one: their slots, memory and chunks add up, as they do in predictions. What drafting
    takes is part of the iteration time; drafted tokens are accepted with the constant probability that has the plan's mean.
    """
    made, columns, engine = replicas.compiled, replicas.columns, catalog.engines[deployment.engine]
    how = deployment.speculation
    policy: Policy = "static" if engine.batching == "static" else "prompts first" if engine.prompts_first else "chunked"
    return Engine(
        step=ScalarStep.of(made.step),
        attention=ScalarAttention.of(compile_attention(columns.model, columns.coefficients, columns.layout)),
        read=ScalarKv.of(read_of(columns)),
        held=ScalarKv.of(made.cache),
        kv_bytes=float(np.max(made.replica.kv_bytes)),
        max_sequences=int(np.max(made.replica.max_sequences)),
        chunk_tokens=int(np.max(made.replica.chunk_tokens)),
        context=deployment.max_context,
        block_tokens=float(engine.block_tokens),
        contiguous=engine.allocation == "contiguous",
        policy=policy,
        host=float(np.max(made.replica.host)),
        speculation=Speculation.with_mean(how.draft_tokens, how.emitted) if how else None,
    )
