"""Whose a stream of a plan is: streams are named after workload and stage, with what levers, parts and failover add."""

from __future__ import annotations

_STAGE, _MORE = "/", ("@", "~", " ")


def is_of(stream: str, workload: str, stage: str = "") -> bool:
    """Say whether a stream is one of a workload, or of one of its stages.

    Examples
    --------
    >>> [is_of(name, "chat") for name in ("chat", "chat@1", "chat/plan", "chat~cache", "chat small", "chatter")]
    [True, True, True, True, True, False]
    >>> [is_of(name, "chat", "plan") for name in ("chat/plan", "chat/plan@2", "chat/planner", "chat")]
    [True, True, False, False]
    """
    name = f"{workload}{_STAGE}{stage}" if stage else workload
    return stream == name or stream.startswith(tuple(f"{name}{mark}" for mark in (_MORE if stage else (_STAGE, *_MORE))))
