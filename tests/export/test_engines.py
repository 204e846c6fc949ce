"""Commands of engines: every flag is documented, and says what the plan says."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import exported as made
import pytest
from manifests import documented, exported, flags_of, script_flags

from planner.domain.plan import Plan
from planner.export.commands import BUILDERS, SHELL
from planner.export.flags import ENGINES, command_line
from planner.export.settings import HOST, Settings, check
from planner.export.view import Notes, Wishes, view

VERSIONS = {"vllm": "0.24", "sglang": "0.5", "trtllm": "1.2"}
DRAFT = {"speculator": "s", "draft_tokens": 3, "emitted": 2.5, "emitted_low": 2.5, "emitted_high": 3.0, "source": "test"}


def server(plan: Plan) -> tuple[Settings, tuple[str, ...]]:
    """Return what P1 is started with, and the notes."""
    notes = Notes()
    served = view(plan, Wishes(), "plan.json").pools[0]
    return BUILDERS[served.pool.deployment.engine](served, notes, SHELL), notes.lines


def on(engine: str, **changes: Any) -> Plan:
    return made.plan(engine=engine, engine_version=VERSIONS[engine], **changes)


def value(settings: Settings, flag: str) -> str | None:
    """Return a flag's value; fail if it is not there."""
    return dict(settings.flags)[flag]


def test_vllm_is_told_what_the_plan_says() -> None:
    settings, notes = server(made.plan())
    assert settings.argv() == [
        "vllm", "serve", "org/small", "--served-model-name", "org/small", "--host", HOST, "--port", "8000",
        "--dtype", "auto", "--quantization", "fp8", "--kv-cache-dtype", "fp8", "--tensor-parallel-size", "1",
        "--max-model-len", "8192", "--max-num-seqs", "256", "--max-num-batched-tokens", "2048",
        "--gpu-memory-utilization", "0.9", "--enable-chunked-prefill", "--enable-prefix-caching",
    ]  # fmt: skip
    assert notes == ()


def test_sglang_is_told_what_the_plan_says() -> None:
    """Weights 8 and cache 13 of 24 GB are 87.5 %; limits count all four data-parallel ranks; tensor parallelism all devices."""
    plan = made.changed(
        deployment={"engine": "sglang", "engine_version": "0.5", "layout": {"tp": 2, "pp": 1, "dp": 4, "ep": 8}},
        of={"gpus_per_machine": 8},
    )
    settings, _ = server(plan)
    told = {name: value(settings, name) for name in ("--tp-size", "--dp-size", "--ep-size", "--max-running-requests")}
    assert told == {"--tp-size": "8", "--dp-size": "4", "--ep-size": "8", "--max-running-requests": "1024"}
    assert (value(settings, "--chunked-prefill-size"), value(settings, "--mem-fraction-static")) == ("8192", "0.87")
    assert ("--enable-dp-attention", None) in settings.flags


def test_trtllm_has_a_file_for_what_has_no_flag() -> None:
    plan = on("trtllm", precision="nvfp4", layout={"tp": 1, "pp": 1, "dp": 8, "ep": 8})
    plan = Plan.model_validate(plan.model_dump() | {"serving": made.body()["serving"] | {"pools": [
        made.part("P1", weights="published", gpus_per_machine=8), made.part("P2")]}})  # fmt: skip
    settings, _ = server(plan)
    assert settings.config == {"kv_cache_config": {"dtype": "fp8", "enable_block_reuse": True}, "enable_attention_dp": True}
    assert settings.argv(config_path="o.yaml")[-2:] == ["--extra_llm_api_options", "o.yaml"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("layout", [(1, 1, 1, 1), (4, 2, 1, 1), (1, 1, 8, 8), (8, 2, 1, 1), (1, 1, 16, 16)])
@pytest.mark.parametrize("method", [None, "mtp", "eagle3", "p_eagle", "dspark", "dflash", "medusa", "draft_model", "ngram"])
def test_every_flag_is_documented(engine: str, layout: tuple[int, ...], method: str | None) -> None:
    plan = made.changed(
        deployment={
            "engine": engine,
            "engine_version": VERSIONS[engine],
            "layout": dict(zip(("tp", "pp", "dp", "ep"), layout, strict=True)),
            "speculation": DRAFT if method else None,
        },
        of={"gpus_per_machine": 8, "speculation": method},
    )
    settings, _ = server(plan)
    more = [] if settings.spread is None else [*settings.spread.leader, *settings.spread.worker]
    assert flags_of(settings.argv(*more)) <= documented(engine)
    for file in exported(plan, engine).files:
        if file.name.endswith(".sh"):
            assert script_flags(file.text) <= documented(engine)


def test_a_flag_that_is_not_documented_is_refused() -> None:
    with pytest.raises(ValueError, match=r"vllm 0\.24 documents no --made-up"):
        check(command_line("vllm"), [("--made-up", None)])
    with pytest.raises(ValueError, match="no command line is known"):
        command_line("static-baseline")


@pytest.mark.parametrize(
    ("engine", "method", "flag", "told"),
    [
        ("vllm", "mtp", "--speculative-config", {"method": "mtp", "num_speculative_tokens": 3}),
        ("vllm", "ngram", "--speculative-config", {"method": "ngram", "num_speculative_tokens": 3}),
        ("sglang", "mtp", "--speculative-algorithm", "NEXTN"),
        ("sglang", "eagle3", "--speculative-num-draft-tokens", "4"),
        ("sglang", "dspark", "--speculative-num-draft-tokens", "4"),
    ],
)
def test_drafting(engine: str, method: str, flag: str, told: Any) -> None:
    deployment = {"engine": engine, "engine_version": VERSIONS[engine], "speculation": DRAFT}
    settings, _ = server(made.changed(deployment=deployment, of={"speculation": method, "draft": "org/draft"}))
    seen = value(settings, flag)
    assert (json.loads(seen or "") if engine == "vllm" else seen) == told


def test_a_parallel_draft_says_so() -> None:
    settings, notes = server(
        made.changed(deployment={"speculation": DRAFT}, of={"speculation": "p_eagle", "draft": "org/draft"})
    )  # fmt: skip
    assert json.loads(value(settings, "--speculative-config") or "") == {
        "method": "eagle3",
        "num_speculative_tokens": 3,
        "model": "org/draft",
        "parallel_drafting": True,
    }
    assert notes == ()


@pytest.mark.parametrize(
    ("deployment", "of", "placeholder"),
    [
        ({"precision": "w4a16-awq"}, {"weights": "converted"}, "REPLACE-ME-checkpoint-of-org/small-in-w4a16-awq"),
        ({"model": "small"}, {"weights": "published"}, "REPLACE-ME-Hugging-Face-id-of-small"),
        ({"speculation": DRAFT}, {"speculation": "eagle3"}, "REPLACE-ME-draft-s"),
        ({"engine": "trtllm", "engine_version": "1.2"}, {}, "REPLACE-ME-checkpoint-of-org/small-in-fp8"),
    ],
)
def test_what_is_not_known_is_marked_and_told(deployment: dict[str, Any], of: dict[str, Any], placeholder: str) -> None:
    settings, notes = server(made.changed(deployment=deployment, of=of))
    assert placeholder in " ".join(settings.argv())
    assert any(placeholder in line for line in notes)


@pytest.mark.parametrize(
    ("engine", "deployment", "of", "words"),
    [
        ("vllm", {"engine_version": "0.25"}, {}, "planned for vllm 0.25; its flags were read of 0.24"),
        ("vllm", {"kv_precision": "kv-int8"}, {}, "names no cache format for kv-int8"),
        ("vllm", {"speculation": DRAFT}, {"speculation": "dspark"}, "names no method dspark"),
        ("sglang", {"speculation": DRAFT}, {"speculation": "medusa"}, "names no method medusa"),
        ("vllm", {"layout": {"tp": 4, "pp": 1, "dp": 3, "ep": 1}}, {"gpus_per_machine": 8}, "do not part evenly"),
        ("trtllm", {"layout": {"tp": 2, "pp": 1, "dp": 2, "ep": 4}}, {"gpus_per_machine": 8}, "groups of 2 devices"),
        ("trtllm", {"layout": {"tp": 16, "pp": 1}}, {"gpus_per_machine": 8}, "under MPI"),
        ("trtllm", {"speculation": DRAFT}, {"speculation": "eagle3"}, "differ between releases"),
    ],
)
def test_what_cannot_be_said_is_told(engine: str, deployment: dict[str, Any], of: dict[str, Any], words: str) -> None:
    plan = made.changed(deployment={"engine": engine, "engine_version": VERSIONS[engine], **deployment}, of=of)
    assert any(words in line for line in server(plan)[1])


def test_embeddings_are_no_chat() -> None:
    settings, _ = server(made.changed(streams={"role": "embed", "output_mean": 0.0}))
    assert value(settings, "--runner") == "pooling"
    assert not {"--enable-prefix-caching", "--enable-chunked-prefill"} & flags_of(settings.argv())
    deployment = {"engine": "sglang", "engine_version": "0.5"}
    settings, _ = server(made.changed(deployment=deployment, streams={"role": "embed"}))
    assert "--is-embedding" in flags_of(settings.argv())


def test_machines_share_a_replica() -> None:
    """Tensor parallelism over 16 devices of two machines; and 16 data-parallel ranks, eight of which start on machine 1."""
    settings, _ = server(made.changed(deployment={"layout": {"tp": 16, "pp": 1}}, of={"gpus_per_machine": 8}))
    assert settings.spread is not None
    assert settings.spread.worker == (
        ("--nnodes", "2"),
        ("--node-rank", "$NODE_RANK"),
        ("--master-addr", "$LEADER_ADDRESS"),
        ("--headless", None),
    )
    settings, _ = server(made.changed(deployment={"layout": {"tp": 1, "pp": 1, "dp": 16, "ep": 16}}, of={"gpus_per_machine": 8}))
    assert settings.spread is not None
    assert dict(settings.spread.worker)["--data-parallel-start-rank"] == "$((NODE_RANK * 8))"


@pytest.mark.parametrize(("rank", "words"), [("0", "--node-rank 0"), ("1", "--node-rank 1 --master-addr 10.0.0.1 --headless")])
def test_scripts_run(rank: str, words: str) -> None:
    """With `vllm` replaced by `echo`, the script of a machine prints its command."""
    (script,) = (
        file.text
        for file in exported(made.changed(deployment={"layout": {"tp": 16, "pp": 1}}, of={"gpus_per_machine": 8}), "vllm").files
        if file.name.endswith("p1.sh")
    )
    text = script.replace("exec vllm", "exec echo")
    env = {"NODE_RANK": rank, "LEADER_ADDRESS": "10.0.0.1", "PATH": "/usr/bin:/bin"}
    seen = subprocess.run(["bash", "-c", text], env=env, capture_output=True, text=True, check=True)
    assert words in seen.stdout
    assert ("--headless" in seen.stdout) == (rank != "0")


def test_pools_of_other_engines_are_named() -> None:
    made_ = exported(on("sglang"), "vllm")
    assert [file.name for file in made_.files] == ["mix-p2.sh"]
    assert "P1 runs on sglang: planner export sglang" in made_.warnings
    nothing = exported(made.plan(), "trtllm")
    assert "no pool of this plan runs on trtllm" in nothing.warnings
    assert script_flags(nothing.files[0].text) == set()
