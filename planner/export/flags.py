"""Command lines of engines as documented: which flags there are in the version that plans are made for."""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml

from planner.domain.base import Strict

ENGINES = ("vllm", "sglang", "trtllm")
"""Engines whose command lines are known."""


class Metrics(Strict):
    """Names of an engine's counters and gauges; None = not documented."""

    output_tokens: str | None = None
    """Counter of generated tokens."""
    input_tokens: str | None = None
    """Counter of prompt tokens."""
    running: str | None = None
    """Gauge of running requests."""


class CommandLine(Strict):
    """What is known of an engine's command line; where and when it was read."""

    engine: str
    """Engine."""
    version: str
    """Version it was read of."""
    source: str
    """Where."""
    as_of: str
    """When."""
    command: tuple[str, ...]
    """What starts the server."""
    port: int
    """Port that exports let it listen on."""
    health: str
    """Path that answers once it serves."""
    metrics_path: str
    """Path of its metrics."""
    images: dict[str, str]
    """Maker of accelerators → container image."""
    image_source: str
    """Where the repository of images was read."""
    metrics: Metrics
    """Names of metrics."""
    flags: tuple[str, ...]
    """Flags that exports may write."""


@cache
def command_line(engine: str) -> CommandLine:
    """Return the command line of an engine; ValueError for one without."""
    if engine not in ENGINES:
        raise ValueError(f"no command line is known of {engine}")
    text = resources.files("planner.export").joinpath(f"engines/{engine}.yaml").read_text(encoding="utf-8")
    body = yaml.safe_load(text)
    return CommandLine.model_validate(body | {"as_of": str(body["as_of"])})
