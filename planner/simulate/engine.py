"""What a replica is made of: its iteration time, its memory, its limits and the rule by which it serves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.random import Generator

from planner.demand.issues import mistake
from planner.perf.scalar import ScalarAttention, ScalarKv, ScalarStep

MIN_CHUNK = 16
"""Fewest prompt tokens an iteration is given, so that a full decode batch cannot starve prompts for ever [token]; assumption."""
WATERMARK = 0.01
"""Share of KV memory kept free when a call is admitted [1]; default of vLLM's first block manager (v0)."""

Policy = Literal["chunked", "prompts first", "static"]
"""Who goes first: decoding sequences, prompts in the rest of the budget; or prompts alone; or whole batches one by one."""


@dataclass(frozen=True)
class Speculation:
    """Drafting of tokens that one iteration verifies."""

    draft_tokens: int
    """γ, tokens drafted for each sequence and iteration, at least 1 [token]."""
    acceptance: float
    """α, probability that a drafted token is accepted if those before it were [1]."""
    draft_seconds: float = 0.0
    """Time to draft one token for all sequences [s]."""
    draft_share: float = 0.0
    """The same as a share of the iteration's τ(B, K, 0, 0) [1]; adds to `draft_seconds`."""

    def __post_init__(self) -> None:
        """Refuse figures that mean nothing."""
        if not (self.draft_tokens >= 1 and 0 <= self.acceptance < 1 and min(self.draft_seconds, self.draft_share) >= 0):
            raise mistake("speculation", f"{self} cannot be", "draft 1 token or more, accepted with a probability below 1")

    @classmethod
    def with_mean(cls, draft_tokens: int, mean: float, draft_seconds: float = 0.0, draft_share: float = 0.0) -> Self:
        """Return the drafting of γ tokens by which an iteration emits `mean` tokens on average, 1 ≤ mean < γ + 1."""
        if not 1 <= mean < draft_tokens + 1:
            what = f"{mean:g} tokens per iteration cannot come of {draft_tokens} drafted"
            raise mistake("speculation", what, f"give at least 1 and below {draft_tokens + 1}")
        low, high = 0.0, 1.0
        while high - low > 1e-12:
            middle = (low + high) / 2
            low, high = (middle, high) if emitted(middle, draft_tokens) < mean else (low, middle)
        return cls(draft_tokens, low, draft_seconds, draft_share)

    @property
    def mean(self) -> float:
        """Tokens that an iteration emits for a sequence on average [token]."""
        return emitted(self.acceptance, self.draft_tokens)

    def passes(self, tokens: int, rng: Generator) -> int:
        """Return iterations in which a sequence emits this many tokens.

        An iteration emits the accepted drafts before the first refused one and one token more: min(X, γ + 1) with X geometric.
        """
        if tokens <= 0:
            return 0
        made, done = 0, 0
        while done < tokens:
            size = int((tokens - done) / self.mean) + 8
            each = np.minimum(rng.geometric(1.0 - self.acceptance, size), self.draft_tokens + 1).cumsum()
            enough = int(np.searchsorted(each, tokens - done))
            if enough < size:
                return made + enough + 1
            made, done = made + size, done + int(each[-1])
        return made


def emitted(acceptance: float, draft_tokens: int) -> float:
    """Return the mean tokens of an iteration, 1 + α + … + α^γ [token].

    References
    ----------
    Leviathan, Kalman and Matias (2023), Fast inference from transformers via speculative decoding, equation 1.
    """
    return math.fsum(acceptance**power for power in range(draft_tokens + 1))


@dataclass(frozen=True)
class Engine:
    """A deployment to be simulated."""

    step: ScalarStep
    """τ."""
    attention: ScalarAttention
    """FLOP of prompt attention."""
    read: ScalarKv
    """Bytes of a sequence's cache that an iteration moves."""
    held: ScalarKv
    """Bytes of a sequence's cache in memory."""
    kv_bytes: float
    """KV memory of the replica [B]."""
    max_sequences: int
    """Most sequences that run at once, prompts included [1]."""
    chunk_tokens: int
    """C, most tokens of an iteration [token]."""
    context: int
    """Longest prompt and output together [token]."""
    block_tokens: float = 16.0
    """Tokens a KV block holds [token]; 16 is vLLM's default."""
    contiguous: bool = False
    """Whether a sequence is given memory for `context` tokens at once, instead of blocks as it grows."""
    policy: Policy = "chunked"
    """Who goes first."""
    host: float = 0.0
    """Time per request outside the engine, before it gets there; the engine is not held up [s]."""
    watermark: float = WATERMARK
    """Share of KV memory kept free when a call is admitted beside others [1]."""
    prefix_cache: bool = True
    """Whether beginnings that calls of a group share are kept."""
    speculation: Speculation | None = None
    """Drafting, if any."""

    def __post_init__(self) -> None:
        """Refuse an engine that cannot work."""
        if self.policy == "static" and not self.contiguous:
            raise mistake("policy", "static batching grows its sequences in blocks", "set `contiguous`, as such engines have it")
        if min(self.max_sequences, self.chunk_tokens, self.context) < 1:
            raise mistake("engine", "an engine has no slot, no token or no context", "give at least 1 of each")
        if self.step.time(1.0, 0.0, 0.0, 0.0) <= 0.0:
            raise mistake("step", "an iteration takes no time", "give it a host time, or weights to read")

    @property
    def rounding(self) -> float:
        """Tokens by which blocks exceed a sequence on average, (blk − 1)/2; see `memory.charged_context` [token]."""
        return (self.block_tokens - 1.0) / 2.0

    @property
    def width(self) -> int:
        """Tokens a decoding sequence brings to an iteration, 1 + γ [token]."""
        return 1 + (self.speculation.draft_tokens if self.speculation else 0)

    def charged(self, tokens: float) -> float:
        """Return the bytes a sequence of so many tokens takes [B]."""
        return self.held.at(float(self.context) if self.contiguous else tokens + self.rounding)

    def decode(self, sequences: int, read: float, growth: float) -> tuple[float, float]:
        """Return the time of a decode iteration that reads so many bytes, and how much longer each next takes, drafting included.

        τ(B, K, 0, 0)·(1 + γ·share) + γ·t_draft

        Parameters
        ----------
        sequences : B [1]
        read : K [B]
        growth : by which K grows with each iteration [B]

        Returns
        -------
        (time of the first [s], of each next over the one before [s])
        """
        start = self.step.without_kv(sequences, sequences * self.width) + self.step.kv * read
        slope = self.step.kv * growth
        drafts = self.speculation
        longer = drafts.draft_tokens * drafts.draft_share if drafts else 0.0
        return start + self.drafting(sequences, read), slope * (1.0 + longer)

    def drafting(self, sequences: int, read: float) -> float:
        """Return the part of a decode iteration in which tokens are drafted [s]."""
        drafts = self.speculation
        if not sequences or drafts is None:
            return 0.0
        alone = self.step.without_kv(sequences, sequences * self.width) + self.step.kv * read
        return drafts.draft_tokens * (drafts.draft_share * alone + drafts.draft_seconds)

    def refuses(self, prompt: int, output: int) -> str:
        """Say why a call can never be served; empty if it can."""
        if prompt + output > self.context:
            return "longer than the context"
        if self.charged(prompt + output) > self.kv_bytes:
            return "larger than KV memory"
        return ""
