"""Deployments the tests of the formulas share, from published configs, datasheets and handbook fits."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from planner.perf.collectives import interpolate_points
from planner.perf.columns import (
    CoefficientColumns,
    EngineColumns,
    HardwareColumns,
    LayoutColumns,
    LinkColumns,
    ModelColumns,
    PrecisionColumns,
)
from planner.perf.compile import compile_step
from planner.perf.step import StepModel

GIB = 2.0**30

# layers, hidden, intermediate, heads, kv_heads, head_dim, vocabulary, tied: config.json of each model on Hugging Face.
DENSE = {
    "llama-2-70b": (80, 8192, 28672, 64, 8, 128, 32000, False),
    "llama-3.1-8b": (32, 4096, 14336, 32, 8, 128, 128256, False),
    "llama-3.1-70b": (80, 8192, 28672, 64, 8, 128, 128256, False),
    "gemma-3-27b": (62, 5376, 21504, 32, 16, 128, 262208, True),
    "qwen3-0.6b": (28, 1024, 3072, 16, 8, 128, 151936, True),
    "qwen3-32b": (64, 5120, 25600, 64, 8, 128, 151936, False),
    "mistral-small-24b": (40, 5120, 32768, 32, 8, 128, 131072, False),
}
# layers, hidden, heads, kv_heads, head_dim, vocabulary, experts, per token, expert intermediate: likewise.
SPARSE = {
    "gpt-oss-20b": (24, 2880, 64, 8, 64, 201088, 32, 4, 2880),
    "gpt-oss-120b": (36, 2880, 64, 8, 64, 201088, 128, 4, 2880),
    "qwen3-235b": (94, 4096, 64, 4, 128, 151936, 128, 8, 1536),
}
# (window, windowed layers): Gemma 3 report, arXiv 2503.19786 (5 local : 1 global); gpt-oss model card (alternating).
WINDOWS = {"gemma-3-27b": (1024, 52), "gpt-oss-20b": (128, 12), "gpt-oss-120b": (128, 18)}

# Datasheets: memory (H100 as vLLM reports it), bandwidth, peak dense bf16, peak dense fp8.
HARDWARE = {
    "a100": (80e9, 2.039e12, 312e12, 312e12),
    "h100": (79.18 * GIB, 3.35e12, 989e12, 1979e12),
    "h200": (141e9, 4.8e12, 989e12, 1979e12),
    "b200": (180e9, 7.7e12, 2250e12, 4500e12),
    "l40s": (48e9, 0.864e12, 362e12, 733e12),
}
# Handbook §2 (bf16): e, u, q, m∞, s½.
KERNELS = {
    "a100": (0.84, 0.77, 1.6, 0.57, 565),
    "h100": (0.81, 0.87, 3.0, 0.67, 1190),
    "h200": (0.81, 0.84, 3.0, 0.66, 1110),
    "b200": (0.72, 0.84, 2.3, 0.57, 1270),
    "l40s": (0.62, 0.78, 2.4, 0.49, 520),
}
# Handbook §4, all-reduce: rows (n, α [s], β [B/s]).
ALLREDUCE = {
    "a100": [(2, 4.3e-6, 163e9), (4, 4.9e-6, 175e9), (8, 5.8e-6, 177e9)],
    "h100": [(2, 4.4e-6, 279e9), (4, 4.9e-6, 305e9), (8, 5.4e-6, 380e9)],
    "h200": [(2, 4.4e-6, 279e9), (4, 4.9e-6, 305e9), (8, 5.4e-6, 380e9)],
    "b200": [(2, 7.3e-6, 459e9), (4, 7.6e-6, 530e9), (8, 8.5e-6, 593e9)],
    "l40s": [(2, 5.3e-6, 19e9), (4, 12.6e-6, 4.4e9), (8, 22e-6, 2e9)],
}
BYTES = {"bf16": 2.0, "fp8": 1.0, "mxfp4": 4.25 / 8}


def arrays(cls: type, **values: Any) -> Any:
    """Make a bundle of zeros with the given fields set."""
    blank = {f.name: np.zeros(()) for f in fields(cls)}
    return cls(**(blank | {name: np.asarray(value, float) for name, value in values.items()}))


class Cases:
    """Makers of columns; every keyword replaces a field."""

    gib = GIB

    def model(self, name: str, **changes: Any) -> ModelColumns:
        made = self._deepseek() if name == "deepseek-v3" else self._dense(name) if name in DENSE else self._sparse(name)
        return replace(made, **{key: np.asarray(value, float) for key, value in changes.items()})

    def _heads(
        self, name: str, layers: int, hidden: int, heads: int, kv: int, dim: int, vocabulary: int, tied: bool
    ) -> dict[str, Any]:
        window, windowed = WINDOWS.get(name, (1, 0))
        return {
            "layers": layers, "hidden": hidden, "vocabulary": vocabulary, "heads": heads, "kv_heads": kv, "head_dim": dim,
            "attention_layers": layers, "window": window, "window_layers": windowed,
            "window_kv_heads": kv, "window_head_dim": dim,
            "attention_parameters": layers * hidden * dim * (2 * heads + 2 * kv),
            "embedding_parameters": vocabulary * hidden, "head_parameters": vocabulary * hidden, "tied": float(tied),
        }  # fmt: skip

    def _dense(self, name: str) -> ModelColumns:
        layers, hidden, inner, heads, kv, dim, vocabulary, tied = DENSE[name]
        heads_part = self._heads(name, layers, hidden, heads, kv, dim, vocabulary, tied)
        made: ModelColumns = arrays(ModelColumns, **heads_part, dense_parameters=3 * layers * hidden * inner)
        return made

    def _sparse(self, name: str) -> ModelColumns:
        layers, hidden, heads, kv, dim, vocabulary, experts, active, inner = SPARSE[name]
        one = 3 * layers * hidden * inner
        made: ModelColumns = arrays(
            ModelColumns,
            **self._heads(name, layers, hidden, heads, kv, dim, vocabulary, False),
            dense_parameters=layers * hidden * experts,
            expert_parameters=one * experts,
            expert_parameters_active=one * active,
            experts=experts, experts_per_token=active, expert_layers=layers, expert_intermediate=inner,
        )  # fmt: skip
        return made

    def _deepseek(self) -> ModelColumns:
        """DeepSeek-V3, arXiv 2412.19437 §4.2: 61 layers, 3 dense, 58 with 256 experts of 2048, 8 per token, 1 shared."""
        layers, hidden, heads, vocabulary = 61, 7168, 128, 129280
        # W_dq, W_uq, W_dkv + k_rope, W_uk + W_uv, W_o
        attention = hidden * 1536 + 1536 * heads * 192 + hidden * 576 + 512 * heads * 256 + heads * 128 * hidden
        one = 3 * hidden * 2048
        made: ModelColumns = arrays(
            ModelColumns,
            layers=layers, hidden=hidden, vocabulary=vocabulary, heads=heads, kv_heads=128, head_dim=128, attention_layers=layers,
            window=1, window_kv_heads=128, window_head_dim=128, kv_lora_rank=512, rope_dim=64, nope_dim=128, value_dim=128,
            attention_parameters=layers * attention, dense_parameters=3 * 3 * hidden * 18432 + 58 * (one + hidden * 256),
            expert_parameters=58 * 256 * one, expert_parameters_active=58 * 8 * one,
            embedding_parameters=vocabulary * hidden, head_parameters=vocabulary * hidden,
            experts=256, experts_per_token=8, expert_layers=58, expert_intermediate=2048,
        )  # fmt: skip
        return made

    def precision(self, weights: str = "bf16", kv: str = "bf16", **changes: Any) -> PrecisionColumns:
        """MXFP4 recipes leave attention in 16 bits (gpt-oss model card)."""
        attention = 2.0 if weights == "mxfp4" else BYTES[weights]
        made: PrecisionColumns = arrays(
            PrecisionColumns,
            weight_bytes=BYTES[weights], attention_bytes=attention, embedding_bytes=2.0, kv_bytes=BYTES[kv], state_bytes=4.0,
            activation_bytes=2.0,
        )  # fmt: skip
        return replace(made, **{key: np.asarray(value, float) for key, value in changes.items()})

    def hardware(self, name: str = "h100", weights: str = "bf16") -> HardwareColumns:
        memory, bandwidth, bf16, fp8 = HARDWARE[name]
        made: HardwareColumns = arrays(
            HardwareColumns,
            memory=memory, bandwidth=bandwidth, peak=fp8 if weights == "fp8" else bf16, peak16=bf16, devices=8, scale_up=8,
        )  # fmt: skip
        return made

    def coefficients(self, name: str = "h100", **changes: Any) -> CoefficientColumns:
        """Kernels from handbook §2; host times of the H100 vLLM fit and u_kv = 0.7 from §3."""
        e, u, q, plateau, half = KERNELS[name]
        made: CoefficientColumns = arrays(
            CoefficientColumns,
            flops_efficiency=e, expert_flops_efficiency=min(e, 0.22),
            bandwidth_efficiency=u, norm=q, kv_efficiency=0.7, attention_efficiency=plateau,
            attention_half=half, host_per_layer=55e-6, host_per_sequence=47e-6, expert_imbalance=1.3,
            expert_bandwidth_efficiency=u, collective_latency=1, collective_bandwidth=1,
        )  # fmt: skip
        return replace(made, **{key: np.asarray(value, float) for key, value in changes.items()})

    def ideal(self, name: str = "h100", **changes: Any) -> CoefficientColumns:
        """Perfect hardware and no host: for limiting cases."""
        one = {
            "flops_efficiency": 1,
            "expert_flops_efficiency": 1,
            "bandwidth_efficiency": 1,
            "expert_bandwidth_efficiency": 1,
            "kv_efficiency": 1,
            "attention_efficiency": 1,
            "attention_half": 0,
        }
        none = {"host_per_layer": 0, "host_per_sequence": 0, "norm": 1e6, "expert_imbalance": 1}
        return self.coefficients(name, **(one | none | changes))

    def layout(self, tp: Any = 1, pp: Any = 1, dp: Any = 1, ep: Any = 1) -> LayoutColumns:
        made: LayoutColumns = arrays(LayoutColumns, tp=tp, pp=pp, dp=dp, ep=ep)
        return made

    def link(self, name: str = "h100", tp: Any = 1) -> LinkColumns:
        """All-reduce points of handbook §4; hops and all-to-all as measured on H100 there (7.6 µs, 357; 9.5 µs, 275 GB/s)."""
        reduce = interpolate_points(np.asarray(tp, float), np.array(ALLREDUCE[name]))
        made: LinkColumns = arrays(
            LinkColumns,
            allreduce_alpha=reduce.alpha, allreduce_beta=reduce.beta, p2p_alpha=7.6e-6, p2p_beta=357e9, alltoall_alpha=9.5e-6,
            alltoall_beta=275e9,
        )  # fmt: skip
        return made

    def engine(self, **changes: Any) -> EngineColumns:
        """vLLM 0.11 as measured by llm-d-planner: 1024 slots, 8192 tokens a step."""
        made: EngineColumns = arrays(
            EngineColumns,
            memory_fraction=0.9, tolerance=0.02, runtime_reserve=0.13 * GIB, activation_floor=0, block_tokens=16,
            max_sequences=1024, chunk_tokens=8192,
        )  # fmt: skip
        return replace(made, **{key: np.asarray(value, float) for key, value in changes.items()})

    def step(self, model: str, gpu: str = "h100", weights: str = "bf16", ideal: bool = False, **degrees: Any) -> StepModel:
        layout = self.layout(**degrees)
        coefficients = self.ideal(gpu) if ideal else self.coefficients(gpu)
        link = self.link(gpu, degrees.get("tp", 1))
        return compile_step(self.model(model), self.precision(weights), self.hardware(gpu, weights), link, coefficients, layout)


@pytest.fixture(scope="session")
def case() -> Cases:
    return Cases()
