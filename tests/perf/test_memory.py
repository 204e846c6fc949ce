from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.perf.memory import (
    activation_bytes,
    charged_context,
    collective_buffer,
    kv_held,
    kv_rank_share,
    kv_read,
    memory_budget,
    weight_bytes,
)

MEASURED = Path(__file__).parents[3] / "shared" / "data" / "measured" / "other_sources.csv"


@pytest.mark.parametrize(
    ("name", "kv", "per_token"),
    [
        # 2·L·n_kv·d·2 bytes; Llama 3.1 config.json; 128 KiB and 320 KiB are the figures in print.
        ("llama-3.1-8b", "bf16", 131072),
        ("llama-3.1-70b", "bf16", 327680),
        ("llama-3.1-70b", "fp8", 163840),
        # (512 + 64)·61·2: DeepSeek-V3, arXiv 2412.19437; 70.3 kB.
        ("deepseek-v3", "bf16", 576 * 61 * 2),
    ],
)
def test_kv_bytes_per_token_match_published_values(case, name, kv, per_token):
    assert kv_held(case.model(name), case.precision(kv=kv)).at(1000.0) == pytest.approx(1000 * per_token)


def test_sliding_windows_cap_their_layers(case):
    # Gemma-3-27B: 10 global and 52 local layers, 2·16·128·2 = 8192 B per layer and token, window 1024.
    kv = kv_held(case.model("gemma-3-27b"), case.precision())
    assert kv.at(512.0) == pytest.approx(62 * 8192 * 512)
    assert kv.at(32768.0) == pytest.approx(8192 * (10 * 32768 + 52 * 1024))


def test_gpt_oss_holds_half_its_layers_in_full(case):
    # gpt-oss-120b: 18 full, 18 windowed (128), 2·8·64·2 = 2048 B per layer and token.
    assert kv_held(case.model("gpt-oss-120b"), case.precision()).at(8192.0) == pytest.approx(2048 * 18 * (8192 + 128))


def test_linear_attention_holds_a_constant(case):
    # 4 layers, 2 of them with a state of 1000 elements of 4 bytes; a decode step reads and writes it.
    model = case.model("llama-3.1-8b", attention_layers=2, linear_layers=2, state_elements=1000)
    held, read = kv_held(model, case.precision()), kv_read(model, case.precision())
    assert held.at(0.0) == pytest.approx(8000)
    assert read.at(0.0) == pytest.approx(16000)
    assert held.at(10.0) - held.at(0.0) == pytest.approx(2 * 2 * 8 * 128 * 2 * 10)


def test_sparse_attention_holds_everything_but_reads_the_chosen(case):
    # DeepSeek-V3.2: indexer key of 128 elements per token and layer, top-k 2048.
    model = case.model("deepseek-v3", index_heads=64, index_dim=128, index_topk=2048)
    held, read = kv_held(model, case.precision()), kv_read(model, case.precision())
    assert held.at(65536.0) == pytest.approx(61 * 2 * (576 + 128) * 65536)
    assert read.at(65536.0) == pytest.approx(61 * 2 * (128 * 65536 + 576 * 2048))
    assert read.at(2048.0) == pytest.approx(held.at(2048.0))


def test_paged_rounding_and_contiguous_reservation(case):
    # Block of 16: 7.5 tokens lost on average; contiguous: the maximum, whatever is live.
    assert charged_context(100.0, 4096.0, case.engine()) == pytest.approx(107.5)
    assert charged_context(100.0, 4096.0, case.engine(contiguous=1)) == pytest.approx(4096)
    assert charged_context(100.0, 4096.0, case.engine(block_tokens=1)) == pytest.approx(100)


def test_mean_rounding_loss_is_half_a_block_less_half_a_token():
    lengths = np.arange(1, 1601)
    assert np.mean(16 * np.ceil(lengths / 16) - lengths) == pytest.approx(7.5)


@pytest.mark.parametrize(
    ("name", "weights", "gigabytes"),
    [
        # Published totals × bytes: 8.03 B and 70.6 B parameters in 16 bits ("a 70B model needs 140 GB"), 671 B in fp8.
        ("llama-3.1-8b", "bf16", 16.06),
        ("llama-3.1-70b", "bf16", 141.1),
        ("deepseek-v3", "fp8", 671.0 + 1.85),
    ],
)
def test_weights_of_one_device_match_published_totals(case, name, weights, gigabytes):
    held = weight_bytes(case.model(name), case.precision(weights), case.layout())
    assert held / 1e9 == pytest.approx(gigabytes, rel=0.002)


def test_tied_head_is_stored_once(case):
    # Qwen3-0.6B: 0.596 B parameters with a tied head of 0.156 B.
    assert weight_bytes(case.model("qwen3-0.6b"), case.precision(), case.layout()) / 2 == pytest.approx(0.596e9, rel=0.002)


def test_stages_hold_whole_layers_and_one_edge(case):
    # 80 layers over 3 stages: 27 in the fullest, plus input table or head (1.05 B parameters each).
    model = case.model("llama-3.1-70b")
    layers = float(model.attention_parameters + model.dense_parameters) * 2
    expected = layers * 27 / 80 + 128256 * 8192 * 2
    assert weight_bytes(model, case.precision(), case.layout(pp=3)) == pytest.approx(expected)


def test_expert_parallelism_spreads_experts_and_copies_attention(case):
    # DP 8, EP 8: each device has 1/8 of the experts and all the rest.
    model, precision = case.model("deepseek-v3"), case.precision("fp8")
    rest = weight_bytes(model, precision, case.layout()) - float(model.expert_parameters)
    assert weight_bytes(model, precision, case.layout(dp=8, ep=8)) == pytest.approx(rest + float(model.expert_parameters) / 8)
    assert weight_bytes(model, precision, case.layout(tp=8)) == pytest.approx((rest + float(model.expert_parameters)) / 8)


def test_kv_heads_are_copied_when_ranks_outnumber_them(case):
    model, ranks = case.model("llama-3.1-8b"), case.layout(tp=[1, 2, 8, 16])
    assert kv_rank_share(model, ranks).tolist() == [1, 1 / 2, 1 / 8, 1 / 8]
    assert kv_rank_share(case.model("deepseek-v3"), ranks).tolist() == [1, 1, 1, 1]


def test_larger_share_stands_for_both_kinds_of_layer(case):
    mixed = case.model("gemma-3-27b", window_kv_heads=4)
    assert kv_rank_share(mixed, case.layout(tp=8)) == pytest.approx(1 / 4)
    assert kv_rank_share(case.model("gemma-3-27b", window_kv_heads=4, window_layers=0), case.layout(tp=8)) == pytest.approx(1 / 8)
    assert kv_rank_share(case.model("gemma-3-27b", window_kv_heads=4, kv_heads=1, window_layers=62), case.layout(tp=8)) == 1 / 4


def test_activations_follow_the_larger_of_layers_sampler_and_floor(case):
    # Layers: 2·8192·8192·5 = 0.67 GB at tp 4; sampler: 39·1024·128256 = 5.12 GB; floor as given.
    model, layout = case.model("llama-3.1-70b"), case.layout(tp=4)
    assert activation_bytes(model, case.engine(max_sequences=1), layout) == pytest.approx(2 * 8192 * 8192 * 5)
    assert activation_bytes(model, case.engine(), layout) == pytest.approx(39 * 1024 * 128256)
    assert activation_bytes(model, case.engine(activation_floor=6e9), layout) == pytest.approx(6e9)


def test_collective_buffers_start_at_two_devices(case):
    assert (collective_buffer(case.layout(tp=[1, 2, 3, 4, 8])) / 2**20).tolist() == [0, 342, 342, 392, 392]


def test_budget_adds_up_and_says_by_how_much_a_model_does_not_fit(case):
    model, precision, engine = case.model("llama-3.1-70b"), case.precision(), case.engine()
    budget = memory_budget(model, precision, case.hardware(), engine, case.layout(tp=[1, 2, 4]))
    parts = budget.reserve + budget.weights + budget.activations + budget.communication + budget.runtime + budget.free
    assert parts == pytest.approx(np.full(3, float(budget.total)))
    assert (budget.free < 0).tolist() == [True, True, False]
    assert budget.replica_kv[:2].tolist() == [0, 0]
    assert budget.kv[0] == 0


def test_replica_kv_counts_bytes_before_copies(case):
    # One device's free memory f: tp 8 holds 8 f of 8 heads; of MLA latents only f; DP 8 of them 8 f; two stages twice.
    def held(name: str, **degrees: int) -> float:
        deployment = case.model(name), case.precision("fp8"), case.hardware("b200"), case.engine(), case.layout(**degrees)
        budget = memory_budget(*deployment)
        return float(budget.replica_kv / budget.free)

    assert held("llama-3.1-70b", tp=8) == pytest.approx(8)
    assert held("llama-3.1-70b", tp=8, pp=2) == pytest.approx(16)
    assert held("deepseek-v3", tp=8) == pytest.approx(1)
    assert held("deepseek-v3", dp=8, ep=8) == pytest.approx(8)


@given(tp=st.sampled_from([1, 2, 4, 8, 16]), pp=st.integers(1, 8))
def test_more_devices_never_hold_more_weights_each_nor_less_kv_together(case, tp, pp):
    model, precision, engine = case.model("llama-3.1-70b"), case.precision(), case.engine()
    one = memory_budget(model, precision, case.hardware("b200"), engine, case.layout(tp=tp, pp=pp))
    two = memory_budget(model, precision, case.hardware("b200"), engine, case.layout(tp=2 * tp, pp=pp))
    assert two.weights <= one.weights
    assert two.replica_kv >= one.replica_kv * 0.999 or two.communication > one.communication


def test_vector_equals_scalar(case):
    model, precision, engine = case.model("gpt-oss-120b"), case.precision("mxfp4"), case.engine()
    many = memory_budget(model, precision, case.hardware(), engine, case.layout(tp=[1, 2, 4, 8]))
    for place, tp in enumerate((1, 2, 4, 8)):
        one = memory_budget(model, precision, case.hardware(), engine, case.layout(tp=tp))
        assert many.take(np.array([place])).free == pytest.approx(float(one.free))


MODELS = {
    "openai/gpt-oss-20b": ("gpt-oss-20b", "mxfp4", 0.9),
    "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic": ("llama-3.1-70b", "fp8", 0.9),
    "meta-llama/Llama-3.1-8B-Instruct": ("llama-3.1-8b", "bf16", 0.9),
    "Qwen/Qwen3-0.6B": ("qwen3-0.6b", "bf16", 0.9),
    "Qwen/Qwen3-32B": ("qwen3-32b", "bf16", 0.9),
    "mistralai/Mistral-Small-3.2-24B-Instruct-2506": ("mistral-small-24b", "bf16", 0.95),
}


def test_measured_vllm_kv_capacity_within_ten_percent(case):
    """KV memory vLLM 0.11 reports on H100 (llm-d-planner, empirical-vllm-memory-results.md).

    The file's tolerance-free budget is compared, as vLLM keeps none back. Seen: text models within 1.2 %; Mistral Small
    −7 %, whose vision tower (0.85 GiB) is not in a language model's count while its activations peak lower (2.1 GiB); and the
    70B in fp8 on one GPU, which does not start: −1.44 GiB, as predicted. Left out:
    gpt-oss-120b, whose experts vLLM pads from 2880 to 3072 columns (64.4 GiB against 60.7): 3.3 GiB were left, 6.9 predicted.
    """
    if not MEASURED.exists():
        pytest.skip(f"measured data not at {MEASURED}")
    import pandas as pd

    rows = pd.read_csv(MEASURED).query("kind == 'memory'")
    rows = rows[rows.model.isin(MODELS)]
    assert len(rows) == 8
    for row in rows.itertuples():
        name, weights, fraction = MODELS[row.model]
        notes = dict(part.split()[0].split("=") for part in row.notes.removeprefix("per-GPU GiB: ").split(";") if "=" in part)
        engine = case.engine(memory_fraction=fraction, tolerance=0)
        budget = memory_budget(case.model(name), case.precision(weights), case.hardware(), engine, case.layout(tp=row.tp))
        assert budget.free / case.gib == pytest.approx(float(notes["kv_cache"]), rel=0.10), row.model
        assert budget.weights / case.gib == pytest.approx(float(notes["weights"]), rel=0.06), row.model


def test_kv_tokens_of_mistral_small(case):
    # vLLM reports 184,832 tokens in 28.20 GiB (same source): 40·2·8·128·2 = 163,840 B per token.
    kv = kv_held(case.model("mistral-small-24b"), case.precision())
    assert 28.20 * case.gib / kv.full == pytest.approx(184832, rel=0.001)
