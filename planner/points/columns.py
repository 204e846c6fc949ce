"""What the columns of a table of points are called, hold and mean: the one list that readers, help texts and checks go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["name", "text", "mode", "degree", "tokens", "clients", "rate", "share", "time"]

PROBLEM = "problem"
"""The column that says what is wrong with a row."""


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    name: str
    """Its name in files."""
    kind: Kind
    """What its cells hold."""
    meaning: str
    """What it says, for help texts."""
    required: bool = False
    """Whether a cell may not be blank."""
    default: float | str = ""
    """What a blank cell means; empty = missing."""

    @property
    def missing(self) -> float | str:
        """What the table holds where a cell is blank."""
        return float("nan") if self.kind in RANGES and self.default == "" else self.default

    @property
    def words(self) -> str:
        """What a cell must be, for messages."""
        return RANGES[self.kind].words if self.kind in RANGES else "agg or disagg"


@dataclass(frozen=True)
class Range:
    """The numbers a kind of column may hold."""

    low: float
    """Smallest one; 0 itself is not allowed."""
    high: float
    """Largest believable one; more is a damaged cell (assumption)."""
    whole: bool = False
    """Whether fractions are mistakes."""

    @property
    def words(self) -> str:
        """What a cell must be, for messages."""
        start = f"from {self.low:,.0f}" if self.low else "above 0 and"
        return f"a {'whole ' if self.whole else ''}number {start} up to {self.high:,.0f}"


RANGES: dict[str, Range] = {
    "degree": Range(1, 65_536, whole=True),
    "tokens": Range(1, 1e8),
    "clients": Range(1, 1e7),
    "rate": Range(0, 1e7),
    "share": Range(0, 1),
    "time": Range(0, 1e9),
}


def _degrees(role: str, default: float = 1.0) -> tuple[Column, ...]:
    """Return the four parallel degrees of a deployment or of one worker."""
    start, who = (f"{role}_", f", of one {role} worker") if role else ("", "")
    return (
        Column(f"{start}tp", "degree", f"tensor-parallel degree{who}", default=default),
        Column(f"{start}pp", "degree", f"pipeline stages{who}", default=default),
        Column(f"{start}dp", "degree", f"attention data-parallel degree{who}", default=default),
        Column(f"{start}ep", "degree", f"expert-parallel degree{who}", default=default),
    )


COLUMNS: tuple[Column, ...] = (
    Column("model", "name", "model, by catalog name, alias or Hugging Face id", required=True),
    Column("accelerator", "name", "accelerator, as the catalogs or nvidia-smi spell it", required=True),
    Column("engine", "name", "serving engine: vllm, sglang, trtllm", required=True),
    Column("engine_version", "text", "version of the engine; used by factors of that version only"),
    Column("precision", "name", "weight format: a catalog name, bf16, fp8, fp4, int4, or auto = as published", required=True),
    Column("kv_precision", "text", "KV cache format; blank = fp8 where weights and activations have 8 or 4 bits, else bf16"),
    Column("mode", "mode", "disagg: prefill and decode run on workers of their own; agg: on the same GPUs", default="agg"),
    *_degrees(""),
    Column("input_tokens", "tokens", "prompt length [token]", required=True),
    Column("output_tokens", "tokens", "generated length [token]", required=True),
    Column("concurrency", "clients", "clients that each send a request when their last one ends"),
    Column("request_rate", "rate", "requests that arrive at random, in place of a number of clients [1/s]"),
    Column("length_ratio_min", "share", "real lengths are uniform between this share of the nominal and 1", default=1.0),
    Column("prefill_workers", "degree", "prefill workers (mode disagg)"),
    *_degrees("prefill"),
    Column("decode_workers", "degree", "decode workers (mode disagg)"),
    *_degrees("decode"),
    Column("ttft_ms", "time", "measured mean time to first token [ms]; also ttft_mean_ms"),
    Column("tpot_ms", "time", "measured mean time per output token after the first [ms]; also tpot_mean_ms"),
    Column("source", "text", "where the row comes from"),
)

BY_NAME = {column.name: column for column in COLUMNS}
ALIASES = {"ttft_mean_ms": "ttft_ms", "tpot_mean_ms": "tpot_ms"}
"""Other headers for a column: those of the published measurements."""
LOADS = ("concurrency", "request_rate")
"""Columns of which a point has exactly one."""


@dataclass(frozen=True)
class Output:
    """One column that a prediction adds."""

    name: str
    """Its name in files."""
    unit: str
    """Unit, for people."""
    decimals: int | None
    """Decimals written to files; None = yes or no."""
    meaning: str
    """What it says."""


OUTPUTS: tuple[Output, ...] = (
    Output("ttft_ms", "ms", 3, "mean time to first token"),
    Output("tpot_ms", "ms", 4, "mean time per output token after the first"),
    Output("e2e_ms", "ms", 3, "mean time from request to last token"),
    Output("ttft_low_ms", "ms", 3, "a tenth of comparable measurements were below this"),
    Output("ttft_high_ms", "ms", 3, "a tenth were above"),
    Output("tpot_low_ms", "ms", 4, "a tenth of comparable measurements were below this"),
    Output("tpot_high_ms", "ms", 4, "a tenth were above"),
    Output("output_tok_s_per_gpu", "token/s", 3, "generated tokens per second and GPU"),
    Output("memory_gb_per_gpu", "GB", 3, "memory in use per GPU"),
    Output("kv_capacity_tokens", "token", 0, "tokens the KV cache holds"),
    Output("fits", "", None, "whether weights and the load's KV cache fit in memory"),
    Output("extrapolated", "", None, "whether the point lies outside the range that was measured"),
)
