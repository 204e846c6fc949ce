"""A plan as the planner writes it, made up by hand: two pools, an API, two periods, soft and hard promises."""

from __future__ import annotations

import pytest

from planner.domain.plan import Fact, Plan, Proof, Purchase, TakenWay
from planner.domain.plan_costs import Cost, LabelCost, PathCost, PoolCost, StageCost, WorkloadCost
from planner.domain.plan_pools import ApiRoute, Deployment, Layout, MemoryPerGpu, Pool, PoolLoad, ServiceLevel, Share
from planner.domain.plan_promises import Latency, Promise, SimulatedPromise, Simulation


def _load(period: str, replicas: int, busy: float, binding: str) -> PoolLoad:
    return PoolLoad(
        period=period,
        replicas=replicas,
        utilization={binding: busy, "prompt_wait": 0.21, "jitter": 0.1},
        binding=binding,
        iteration=0.0312,
        sequences=61.5,
        output_tokens_per_second=3941.0,
    )


def _share(stream: str, period: str, rate: float, share: float) -> Share:
    return Share(stream=stream, period=period, rate=rate, share=share)


def _big_pool() -> Pool:
    return Pool(
        name="P1",
        deployment=Deployment(
            model="meta-llama/Llama-3.3-70B-Instruct",
            precision="fp8",
            kv_precision="kv-fp8",
            engine="vllm",
            engine_version="0.11.0",
            accelerator="h100-sxm-80gb",
            layout=Layout(tp=4, pp=1),
            max_sequences=256,
            chunk_tokens=8192,
            max_context=32768,
            memory_fraction=0.9,
        ),
        instance="aws/p5.48xlarge",
        seller="aws",
        region="eu-central-1",
        region_group="eu",
        interruptible=False,
        level=ServiceLevel(iteration=0.035, sequences=80.0, prompt_wait=0.08, jitter=0.002),
        memory=MemoryPerGpu(total=72.0e9, weights=17.9e9, activations=2.4e9, runtime=3.1e9, kv=48.6e9),
        kv_capacity_tokens=1_180_000.0,
        loads=(_load("day", 4, 0.744, "iteration"), _load("night", 2, 0.38, "kv")),
        shares=(_share("chat", "day", 12.44, 0.8), _share("chat", "night", 3.1, 1.0), _share("assistant", "day", 2.0, 1.0)),
    )


def _small_pool() -> Pool:
    return Pool(
        name="P2",
        deployment=Deployment(
            model="Qwen/Qwen3-30B-A3B-Instruct-2507",
            precision="w4a16-awq",
            kv_precision="kv-bf16",
            engine="sglang",
            engine_version="0.5.3",
            accelerator="l40s",
            layout=Layout(tp=1, pp=1, dp=2, ep=2),
            max_sequences=64,
            chunk_tokens=4096,
            max_context=16384,
            memory_fraction=0.88,
        ),
        instance="lambda/gpu_2x_l40s",
        seller="lambda",
        region="us-east-1",
        region_group="us",
        interruptible=True,
        level=ServiceLevel(iteration=0.06, sequences=40.0, prompt_wait=1.0, jitter=0.01),
        memory=MemoryPerGpu(total=42.2e9, weights=17.0e9, activations=0.035e9, runtime=2.0e9, kv=20.1e9),
        kv_capacity_tokens=210_000.0,
        loads=(_load("day", 3, 0.691, "sequences"), _load("night", 3, 0.66, "sequences")),
        shares=(_share("documents", "day", 0.5, 1.0), _share("documents", "night", 0.5, 1.0)),
    )


def _promise(stream: str, period: str, route: str, metric: str, target: float, predicted: float, **more: object) -> Promise:
    fields = {"percentile": 95.0, "miss_share": 0.012, "soft": False, "holds": predicted <= target} | more
    names = {"stream": stream, "period": period, "route": route, "metric": metric}
    return Promise.model_validate(names | {"target": target, "predicted": predicted} | fields)


def _promises() -> tuple[Promise, ...]:
    return (
        _promise("chat", "day", "P1", "ttft", 0.5, 0.41),
        _promise("chat", "night", "P1", "ttft", 0.5, 0.22),
        _promise("chat", "day", "P1", "tpot", 0.05, 0.0381),
        _promise("chat", "night", "P1", "tpot", 0.05, 0.0252),
        _promise("chat", "day", "openai/gpt-4o-mini", "ttft", 0.5, 0.44),
        _promise("assistant", "day", "P1", "ttft", 0.3, 0.327, percentile=99.9, soft=True, miss_share=0.021),
    )


def _cost() -> Cost:
    return Cost(
        total=78.43125,
        machines=70.1,
        apis=6.2,
        misses=0.13125,
        operations=2.0,
        per_month=57254.8125,
        by_pool=(PoolCost(pool="P1", hourly=65.28, share=0.8323), PoolCost(pool="P2", hourly=6.82, share=0.087)),
        by_workload=(
            WorkloadCost(
                workload="chat",
                hourly=58.2,
                share=0.742,
                per_million_input=0.412,
                per_million_output=1.93,
                per_thousand_calls=1.31,
            ),
            WorkloadCost(
                workload="assistant",
                hourly=13.41125,
                share=0.171,
                per_million_input=0.5,
                per_million_output=2.4,
                per_thousand_calls=1.86,
            ),
            WorkloadCost(
                workload="documents",
                hourly=6.82,
                share=0.087,
                per_million_input=0.0031,
                per_million_output=None,
                per_thousand_calls=3.79,
            ),
        ),
    )


def _facts() -> tuple[Fact, ...]:
    def fact(subject: str, standing: str, number: int) -> Fact:
        statement = f"statement {number} about {subject}"
        return Fact.model_validate(
            {"subject": subject, "statement": statement, "standing": standing, "source": f"source {number}"}
        )

    return (
        fact("chat demand", "stated", 1),
        fact("H100 prices", "published", 2),
        fact("H100 coefficients", "fitted", 3),
        fact("L40S coefficients", "assumed", 4),
        fact("burstiness", "assumed", 5),
        fact("fp8 recovery", "measured", 6),
        fact("gpt-4o-mini prices", "published", 7),
        fact("spot restarts", "assumed", 8),
    )


def make_plan() -> Plan:
    """Build the plan."""
    return Plan(
        planner="0.1.0",
        problem="chat-and-documents",
        problem_digest="0" * 64,
        catalog_digest="1" * 64,
        seed=0,
        periods={"day": 365.0, "night": 365.0},
        proof=Proof(
            termination="optimal",
            objective=78.43125,
            bound=77.78,
            gap=0.0083,
            solver="HiGHS 1.11",
            candidates=12408,
            rejected={"slow": 2110, "memory": 7950, "kernel": 988},
            columns=1360,
            kept=212,
        ),
        cost=_cost(),
        pools=(_big_pool(), _small_pool()),
        apis=(
            ApiRoute(
                api="openai/gpt-4o-mini",
                input_price=0.15e-6,
                cached_input_price=0.075e-6,
                output_price=0.6e-6,
                cost=6.2,
                price_source="genai-prices 0.2",
                shares=(_share("chat", "day", 3.11, 0.2),),
            ),
        ),
        purchases=(
            Purchase(
                kind="reserved_1y",
                instance="aws/p5.48xlarge",
                seller="aws",
                region="eu-central-1",
                accelerator="h100-sxm-80gb",
                gpus_per_machine=8,
                machines={"day": 1, "night": 1},
                hourly=32.64,
                price_source="aws.amazon.com/ec2/pricing, 2025-11",
                cost=32.64,
            ),
            Purchase(
                kind="on_demand",
                instance="aws/p5.48xlarge",
                seller="aws",
                region="eu-central-1",
                accelerator="h100-sxm-80gb",
                gpus_per_machine=8,
                machines={"day": 1, "night": 0},
                hourly=61.28,
                price_source="aws.amazon.com/ec2/pricing, 2025-11",
                cost=30.64,
            ),
            Purchase(
                kind="spot",
                instance="lambda/gpu_2x_l40s",
                seller="lambda",
                region="us-east-1",
                accelerator="l40s",
                gpus_per_machine=2,
                machines={"day": 3, "night": 3},
                hourly=2.2733333333333334,
                price_source="lambda.ai/pricing, 2025-11",
                cost=6.82,
            ),
        ),
        promises=_promises(),
        latencies=(
            Latency(stream="documents", period="day", route="P2", metric="e2e", mean=31.2, p50=29.0, p95=52.1, p99=71.4),
            Latency(stream="chat", period="day", route="P1", metric="e2e", mean=9.31, p50=8.2, p95=18.8, p99=26.0),
        ),
        reasons=(
            "P1 runs fp8 because bf16 would need 8 GPUs a replica → $130.56/h instead of $65.28/h.",
            "documents run on spot machines: the deadline of 24 h leaves room for 0.05 interruptions/h.",
        ),
        facts=_facts(),
        warnings=("The TTFT of assistant at p99.9 is missed by 9%: 2.1% of its calls pay $0.01 each.",),
    )


@pytest.fixture
def plan() -> Plan:
    """The plan."""
    return make_plan()


@pytest.fixture
def simulated(plan: Plan) -> Plan:
    """The same plan with what a simulation showed of its pools: all kept but a soft one, which was never reached."""
    seen = tuple(
        SimulatedPromise(
            **one.model_dump(exclude={"miss_share", "holds"}),
            attained=None if one.soft else 0.99 * one.predicted,
            calls=4000,
            holds=not one.soft,
        )
        for one in plan.promises
        if one.route in {pool.name for pool in plan.pools}
    )
    told = ("P1: TTFT p95 of chat came out at 512 ms in the simulation, 500 ms promised; its calls now count 1.03 times",)
    return plan.model_copy(update={"simulation": Simulation(rounds=2, tightened=told, promises=seen)})


LARGE = "chat/answer~0.9+router 0.2 sent on large (3)"
SMALL = "chat/answer~0.9+router 0.2 sent on small (3)"
RERANK = "chat/rerank (2)"


def _stage(stage: str, calls: float, hourly: float, *streams: str, **more: float) -> StageCost:
    figures = {"reached": min(calls, 1.0), "retried": 0.0, "per_thousand_requests": hourly / 10, "share": hourly / 80} | more
    return StageCost.model_validate(
        {"workload": "chat", "stage": stage, "calls": calls, "streams": streams, "hourly": hourly} | figures
    )


@pytest.fixture
def staged(plan: Plan) -> Plan:
    """The same plan with chat in four stages: a component, a reranker, an answer by a cascade, behind a semantic cache."""
    shares = (_share(LARGE, "day", 2.0, 1.0), _share(RERANK, "day", 12.0, 1.0))
    pools = (plan.pools[0].model_copy(update={"shares": shares}), plan.pools[1])
    route = plan.apis[0].model_copy(update={"shares": (_share(SMALL, "day", 10.0, 1.0),)})
    way = TakenWay(
        workload="chat",
        settings={"cache": "0.9", "cascade": "router 0.2 sent on"},
        budgets={"rerank": 0.1},
        streams={LARGE: "chat/answer large", SMALL: "chat/answer small", RERANK: "chat/rerank"},
        model_calls=1.71,
        per_thousand_requests=5.66,
        considered=24,
    )
    cost = plan.cost.model_copy(
        update={
            "levers": 0.5,
            "components": 3.6,
            "by_stage": (
                _stage("moderation", 1.0, 3.6),
                _stage("rerank", 0.85, 12.0, RERANK, retried=0.02),
                _stage("answer", 0.86, 40.5, LARGE, SMALL, reached=0.85),
                _stage("cache", 0.0, 0.5, reached=1.0),
            ),
            "by_path": (
                PathCost(
                    workload="chat",
                    stages=("moderation", "rerank", "answer"),
                    share=0.85,
                    model_calls=2.0,
                    per_thousand_requests=6.6,
                ),
                *(
                    PathCost(workload="chat", stages=("moderation",), share=0.15 / k, model_calls=0.0, per_thousand_requests=0.4)
                    for k in range(1, 8)
                ),
            ),
            "by_label": (LabelCost(kind="tier", label="gold", hourly=58.2, share=0.742),),
        }
    )
    promises = (_promise(RERANK, "day", "P1", "e2e", 0.1, 0.05), *plan.promises[5:])
    proof = plan.proof.model_copy(update={"ways": 26, "ways_priced": 40, "ways_left_out": 100, "ways_loss": 9.0})
    return plan.model_copy(
        update={"pools": pools, "apis": (route,), "ways": (way,), "cost": cost, "promises": promises, "proof": proof}
    )
