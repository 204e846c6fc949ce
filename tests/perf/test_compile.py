from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from planner.perf.attention import attention_flops, compile_attention
from planner.perf.compile import compile_step, exchange_counts, kv_intensity, pipeline_fill
from planner.perf.memory import kv_read
from planner.perf.step import StepModel, iteration_time

MEASURED = Path(__file__).parents[3] / "shared" / "data" / "measured"

LLAMA_8B_READ = 8.0300e9 - 128256 * 4096
"""Parameters of Llama-3.1-8B without the input table."""


def test_one_token_of_a_dense_model_reads_its_weights_once(case):
    # 7.505e9 parameters × 2 B / 3.35 TB/s = 4.48 ms on ideal hardware.
    step = case.step("llama-3.1-8b", ideal=True)
    assert iteration_time(step, 1.0, 0.0, 0.0, 0.0) == pytest.approx(LLAMA_8B_READ * 2 / 3.35e12, rel=1e-3)


def test_a_long_prompt_takes_the_textbook_flop(case):
    # 2·P_act·I + 4·L·n_q·d·I²/2 over 989 TFLOP/s: 2·7.505e9·8192 + 4·32·32·128·8192²/2 = 1.23e14 + 1.76e13 → 142 ms; and
    # 15·32 passes of 4096·2 bytes per token over 3.35 TB/s: 9.6 ms.
    step, tokens = case.step("llama-3.1-8b", ideal=True), 8192.0
    cost = compile_attention(case.model("llama-3.1-8b"), case.ideal(), case.layout())
    flop = 2 * LLAMA_8B_READ * tokens + 4 * 32 * 32 * 128 * tokens**2 / 2
    taken = iteration_time(step, 0.0, 0.0, tokens, attention_flops(cost, tokens, 0.0))
    assert taken == pytest.approx(flop / 989e12 + tokens * 15 * 32 * 4096 * 2 / 3.35e12, rel=1e-3)


def test_kv_cache_is_read_once(case):
    # 64 sequences of 4096 tokens at 131072 B: 34.4 GB / 3.35 TB/s = 10.3 ms.
    step = case.step("llama-3.1-8b", ideal=True)
    held = 64 * kv_read(case.model("llama-3.1-8b"), case.precision()).at(4096.0)
    assert step.kv * held == pytest.approx(64 * 4096 * 131072 / 3.35e12)


def test_tp_one_has_no_communication_even_over_a_broken_link(case):
    step = case.step("llama-3.1-8b")
    assert step.comm == pytest.approx(15 * 32 * 4096 * 2 / (3.35e12 * 0.87))  # hidden vectors through memory, no more
    assert step.host == pytest.approx(32 * 55e-6)


def test_tensor_parallelism_by_hand(case):
    """Llama-3.1-70B on 8×H100 NVLink: 160 all-reduces of 5.4 µs; per token 160·2·7/8·8192·2/380e9 s = 12.1 µs.
    Every rank moves 15·80 hidden vectors of 16 kB per token besides, 6.7 µs."""
    step, alone = case.step("llama-3.1-70b", tp=8), case.step("llama-3.1-70b")
    assert step.host == pytest.approx(80 * 55e-6 + 160 * 5.4e-6)
    assert step.comm == pytest.approx(160 * 1.75 * 16384 / 380e9 + 15 * 80 * 16384 / (3.35e12 * 0.87))
    assert step.weights == pytest.approx(alone.weights / 8)
    assert step.flops == pytest.approx(alone.flops / 8)
    assert step.kv == pytest.approx(alone.kv / 8)


def test_kv_stops_shrinking_when_ranks_outnumber_heads(case):
    # Qwen3-235B has 4 KV heads.
    four, eight = (case.step("qwen3-235b", tp=tp) for tp in (4, 8))
    assert eight.kv == pytest.approx(float(four.kv))


def test_tensor_parallelism_over_pcie_comes_out_as_bad_as_it_is(case):
    """Llama-3.1-70B in fp8: the same L40S chips with NVLink would prefill 2048 tokens > 4 times as fast at tp 8."""
    model, precision, chip, layout = (
        case.model("llama-3.1-70b"),
        case.precision("fp8"),
        case.hardware("l40s", "fp8"),
        case.layout(tp=8),
    )
    over = {
        name: compile_step(model, precision, chip, case.link(name, 8), case.coefficients("l40s"), layout)
        for name in ("l40s", "a100")
    }
    prefill = {name: iteration_time(step, 0.0, 0.0, 2048.0, 0.0) for name, step in over.items()}
    decode = {name: iteration_time(step, 16.0, 0.0, 0.0, 0.0) for name, step in over.items()}
    assert prefill["l40s"] > 4 * prefill["a100"]
    assert decode["l40s"] > 1.5 * decode["a100"]
    # And more such cards make prefill slower, not faster.
    two = compile_step(model, precision, chip, case.link("l40s", 2), case.coefficients("l40s"), case.layout(tp=2))
    assert prefill["l40s"] > iteration_time(two, 0.0, 0.0, 2048.0, 0.0)


def test_pipeline_keeps_latency_and_multiplies_throughput(case):
    # Two stages: one token still reads every weight; each token's arithmetic, KV and messages count half.
    one, two = case.step("llama-3.1-70b", tp=4), case.step("llama-3.1-70b", tp=4, pp=2)
    assert two.weights == pytest.approx(float(one.weights))
    assert two.flops == pytest.approx(one.flops / 2)
    assert two.kv == pytest.approx(one.kv / 2)
    assert two.attention == pytest.approx(one.attention / 2)
    assert two.host == pytest.approx(one.host + 7.6e-6)
    assert two.comm == pytest.approx((one.comm + 8192 * 2 / 357e9) / 2)


def test_a_lone_prompt_fills_the_pipeline(case):
    # One chunk through 4 stages takes all four in turn; 13 chunks 16/13; no pipeline, no delay.
    assert pipeline_fill(np.array([1.0, 13.0, 5.0]), np.array([4.0, 4.0, 1.0])).tolist() == [4, 16 / 13, 1]
    alone, piped = case.step("llama-3.1-70b", tp=4), case.step("llama-3.1-70b", tp=4, pp=4)
    assert piped.flops * pipeline_fill(np.asarray(1.0), piped.stages) == pytest.approx(float(alone.flops))


def test_uneven_stages_march_at_the_pace_of_the_fullest(case):
    # 80 layers in 3 stages of at most 27: 81/80 of the layers' time.
    even = case.step("llama-3.1-70b", ideal=True)
    uneven = case.step("llama-3.1-70b", ideal=True, pp=3)
    assert uneven.attention == pytest.approx(even.attention * 81 / 80 / 3)


def test_expert_parallelism_by_hand(case):
    """DeepSeek-V3 fp8, DP 8 × EP 8 on H200: each rank reads all attention and 1/8 of the experts, the busiest
    1.3 times the mean."""
    model, step = case.model("deepseek-v3"), case.step("deepseek-v3", "h200", "fp8", dp=8, ep=8)
    rate = 4.8e12 * 0.84
    assert step.experts == pytest.approx(float(model.expert_parameters) / 8 / rate)
    assert step.imbalance == 1.3
    read = float(model.attention_parameters + model.dense_parameters) + 2 * float(model.head_parameters)
    assert step.weights == pytest.approx(read / rate)
    # 116 all-to-alls, no all-reduce: tp = 1. Per token of the replica an eighth of 116·8·7/8·7168·2/275e9, and of the passes of
    # its hidden vector: 15 in each of 61 layers, 4 more for each of 8 experts in 58.
    assert step.host == pytest.approx(61 * 55e-6 + 116 * 9.5e-6)
    passes = 15 * 61 + 4 * 8 * 58
    assert step.comm == pytest.approx((116 * 8 * 7 / 8 * 7168 * 2 / 275e9 + passes * 7168 * 2 / rate) / 8)
    assert step.sparsity == pytest.approx(8 / 256)


def test_experts_inside_one_tensor_group_need_no_alltoall(case):
    reduces, exchanges = exchange_counts(
        case.model("qwen3-235b"), case.layout(tp=[1, 8, 8, 1, 4], ep=[1, 1, 8, 8, 8], dp=[1, 1, 1, 8, 2])
    )
    assert reduces.tolist() == [0, 188, 188, 0, 94]
    assert exchanges.tolist() == [0, 0, 0, 188, 188]


def test_mla_decode_is_bound_by_flop_on_one_rank_in_fp8(case):
    # 2·128·(2·512 + 64) FLOP over 576 B (fp8) = 484 FLOP/B; H100 balances near 989e12·0.67/(3.35e12·0.7) = 283.
    model, precision = case.model("deepseek-v3"), case.precision("fp8", kv="fp8")
    assert kv_intensity(model, precision) == pytest.approx(2 * 128 * 1088 / 576)
    hardware, coefficients = case.hardware("h100", "fp8"), case.coefficients()
    step = compile_step(model, precision, hardware, case.link(tp=[1, 8]), coefficients, case.layout(tp=[1, 8]))
    assert step.kv[0] == pytest.approx(2 * 128 * 1088 / 576 / (989e12 * 0.67))
    assert step.kv[1] == pytest.approx(1 / (3.35e12 * 0.7))


def test_unquantized_parts_multiply_at_the_sixteen_bit_rate(case):
    # fp8 MLPs, 16-bit attention and head: P_att/989e12 + P_dense/1979e12 + P_head/989e12.
    model, hardware = case.model("llama-3.1-8b"), case.hardware("h100", "fp8")
    step = compile_step(model, case.precision("fp8", attention_bytes=2), hardware, case.link(), case.ideal(), case.layout())
    sixteen, eight = float(model.attention_parameters + model.head_parameters), float(model.dense_parameters)
    assert step.flops == pytest.approx(2 * (sixteen / 989e12 + eight / 1979e12))


def test_data_parallel_ranks_share_the_sequences(case):
    one, two = case.step("llama-3.1-8b"), case.step("llama-3.1-8b", dp=2)
    for name in ("flops", "kv", "attention", "host_sequence"):
        assert getattr(two, name) == pytest.approx(getattr(one, name) / 2)
    assert two.weights == pytest.approx(float(one.weights))


def test_vector_equals_scalar(case):
    degrees = {"tp": [1, 8, 4, 1], "pp": [1, 1, 2, 1], "dp": [1, 1, 1, 8], "ep": [1, 8, 1, 8]}
    many = case.step("deepseek-v3", "b200", "fp8", **degrees)
    for place in range(4):
        one = case.step("deepseek-v3", "b200", "fp8", **{name: values[place] for name, values in degrees.items()})
        for field in fields(StepModel):
            assert getattr(many, field.name)[place] == pytest.approx(float(getattr(one, field.name))), field.name


def test_every_term_is_finite_and_not_negative(case):
    for name in ("llama-3.1-8b", "gemma-3-27b", "gpt-oss-120b", "deepseek-v3"):
        step = case.step(name, tp=[1, 2, 4, 8], pp=2)
        for field in fields(StepModel):
            values = getattr(step, field.name)
            assert np.all(np.isfinite(values) & (values >= 0)), (name, field.name)


def measured(name: str):
    """Read a table of measurements, or skip."""
    path = MEASURED / name
    if not path.exists():
        pytest.skip(f"measured data not at {path}")
    import pandas as pd

    return pd.read_csv(path)


def relative_error(predicted, seen) -> np.ndarray:
    return np.asarray(predicted) / np.asarray(seen) - 1


def test_closed_loop_token_times_with_handbook_kernels(case):
    """Mean time per output token of closed-loop points, nothing fitted to them.

    In a closed loop with chunked prefill the mean iteration is τ(B, K, X·I·T, X·G·T) with X = c/(TTFT + O·T) requests/s and
    B = X·O·T sequences: T is put in and τ(…) must give it back. Kernels of handbook §2 (fp8: e = .56 H100/H200, .57 B200),
    host times of the H100 vLLM fit in §3. Seen over 794 points: median |error| 11 %, 90 % within 38 %, bias +1 %. Dense models
    on vLLM 5–11 %; DeepSeek-V3 9–17 %; TensorRT-LLM and SGLang on fp8 up to +25 %, their hosts being faster than vLLM's.
    """
    rows = measured("serving_closed_loop.csv")
    names = {
        "meta-llama/Llama-3.1-70B": "llama-3.1-70b", "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
        "Qwen/Qwen3-32B": "qwen3-32b", "deepseek-ai/DeepSeek-V3": "deepseek-v3", "Qwen/Qwen3-235B-A22B-FP8": "qwen3-235b",
    }  # fmt: skip
    rows = rows[(rows["mode"] == "agg") & rows.model.isin(names) & rows.precision.isin(["bf16", "fp8"])]
    rows = rows[rows.accelerator.isin(["h100_sxm", "h200_sxm", "b200_sxm"]) & (rows.concurrency >= 4)]
    errors = [closed_loop_error(case, row, names[row.model]) for row in rows.itertuples()]
    size = np.abs(errors)
    print(f"n {len(size)} median {np.median(size):.3f} p90 {np.quantile(size, 0.9):.3f} bias {np.median(errors):+.3f}")
    assert len(size) > 300
    assert np.median(size) < 0.20
    assert np.quantile(size, 0.9) < 0.45


def closed_loop_error(case, row, name) -> float:
    """Put a measured point's own load into τ and compare with its time per token."""
    gpu, degrees = row.accelerator.removesuffix("_sxm"), {"tp": row.tp, "pp": row.pp, "dp": row.dp, "ep": row.ep}
    fp8 = {"flops_efficiency": 0.57 if gpu == "b200" else 0.56} if row.precision == "fp8" else {}
    model, precision, layout = case.model(name), case.precision(row.precision), case.layout(**degrees)
    coefficients = case.coefficients(gpu, **fp8)
    step = compile_step(model, precision, case.hardware(gpu, row.precision), case.link(gpu, row.tp), coefficients, layout)
    share = (1 + row.length_ratio_min) / 2 if row.length_ratio_min == row.length_ratio_min else 1.0
    prompt, output, token = row.input_tokens * share, row.output_tokens * share, row.tpot_mean_ms / 1e3
    per_iteration = row.concurrency / (row.ttft_mean_ms / 1e3 + output * token) * token
    sequences = per_iteration * output
    kv = sequences * kv_read(model, precision).at(prompt + output / 2)
    flop = per_iteration * attention_flops(compile_attention(model, coefficients, layout), prompt, 0.0)
    return float(iteration_time(step, sequences, kv, per_iteration * prompt, flop) / token - 1)


def splitwise(case, kind: str, gpu: str, tp: int):
    """Return (predicted, measured) [ms] of Llama-2-70B steps in splitwise-sim's perf_model.csv."""
    rows = measured("other_sources.csv")
    rows = rows[
        rows.source.eq("splitwise-sim") & rows.kind.eq(kind) & rows.model.eq("meta-llama/Llama-2-70b-hf") & rows.tp.eq(tp)
    ]
    rows = rows[rows.gpu.str.lower().str.startswith(gpu)].drop_duplicates(["input_len", "output_len", "batch_or_concurrency"])
    if tp == 2:
        # 64 prompts of 512 tokens in an eighth of the time of 32: they did not fit and were not run as one batch.
        rows = rows[rows.batch_or_concurrency < 64]
    model, step = case.model("llama-2-70b"), case.step("llama-2-70b", gpu, tp=tp)
    batch, prompt = rows.batch_or_concurrency.to_numpy(float), rows.input_len.to_numpy(float)
    if kind == "decode_step":
        kv = batch * kv_read(model, case.precision()).at(prompt + rows.output_len.to_numpy(float) / 2)
        return iteration_time(step, batch, kv, 0.0, 0.0) * 1e3, rows.decode_step_ms.to_numpy()
    flop = batch * attention_flops(compile_attention(model, case.coefficients(gpu), case.layout(tp=tp)), prompt, 0.0)
    return iteration_time(step, 0.0, 0.0, batch * prompt, flop) * 1e3, rows.prefill_time_ms.to_numpy()


@pytest.mark.parametrize("kind", ["decode_step", "prefill"])
@pytest.mark.parametrize("gpu", ["a100", "h100"])
def test_llama_2_70b_steps_of_splitwise_on_two_gpus(case, kind, gpu):
    """vLLM of 2023 (eager, NCCL) against kernels of 2024–25; two GPUs, where the device and not the host sets the pace.

    Seen, median: decode −18 % (A100), −23 % (H100); prefill −18 %, −33 %. Kernel coefficients are the floor of an engine's
    end-to-end time (handbook §12.5), so a positive error beyond noise would mean a wrong term.
    """
    errors = relative_error(*splitwise(case, kind, gpu, 2))
    print(f"{gpu} {kind} tp2: n {len(errors)} median {np.median(errors):+.3f} range {errors.min():+.3f} {errors.max():+.3f}")
    assert np.median(np.abs(errors)) < 0.35
    assert errors.max() < 0.05


@pytest.mark.parametrize("gpu", ["a100", "h100"])
def test_llama_2_70b_steps_of_splitwise_on_eight_gpus_are_host_bound(case, gpu):
    """On eight GPUs that engine's decode step is no faster than on four (30 ms H100): launches, not kernels, take the time.

    Kernel times alone are −63 % there. With t_L read off its own one-sequence step (one number), the other decode steps of
    the same machine come within 4–5 % in the median (worst 32 %, at a batch of 64).
    """
    predicted, seen = splitwise(case, "decode_step", gpu, 8)
    assert np.median(relative_error(predicted, seen)) < -0.5
    errors = relative_error(predicted + (seen[0] - predicted[0]), seen)
    print(
        f"{gpu} decode tp8, host time calibrated: median |error| {np.median(np.abs(errors)):.3f} max {np.abs(errors).max():.3f}"
    )
    assert np.median(np.abs(errors)) < 0.15
