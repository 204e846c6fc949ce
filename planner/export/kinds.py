"""What a plan can be exported to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from planner.export import dynamo, gateway, kserve, kubernetes, litellm, llmd, terraform
from planner.export.commands import engine_commands
from planner.export.files import Export, Origin
from planner.export.view import View

Maker = Callable[[View, Origin], Export]


def _plain(make: Callable[[View], Export]) -> Maker:
    """Take a maker whose files say where they come from by their opening comment."""
    return lambda view, _: make(view)


KINDS: dict[str, Maker] = {
    "vllm": _plain(partial(engine_commands, engine="vllm")),
    "sglang": _plain(partial(engine_commands, engine="sglang")),
    "trtllm": _plain(partial(engine_commands, engine="trtllm")),
    "kubernetes": _plain(kubernetes.manifests),
    "kserve": _plain(kserve.services),
    "llm-d": _plain(llmd.values),
    "dynamo": _plain(dynamo.graphs),
    "terraform-vars": terraform.variables,
    "litellm": _plain(litellm.config),
    "gateway": _plain(gateway.routing),
}
"""Name → what makes it, in the order of the help."""
