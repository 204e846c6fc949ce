"""`planner export`: a plan as what runs it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli import json_output

if TYPE_CHECKING:
    from planner.export.files import Export, Origin

_EDGE = "command line"
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "vllm": ("Write the vLLM command of each pool, as a script.", ()),
    "sglang": ("Write the SGLang command of each pool, as a script.", ()),
    "trtllm": ("Write the trtllm-serve command of each pool, as a script with its options.", ()),
    "kubernetes": (
        "Write Deployments or LeaderWorkerSets, services, autoscalers, disruption budgets and benchmarks.",
        ("images", "namespace", "autoscaler", "prometheus"),
    ),
    "kserve": ("Write LLMInferenceServices and InferenceServices of KServe.", ("images", "namespace")),
    "llm-d": ("Write values for the chart llm-d-modelservice, a release a pool.", ("images",)),
    "dynamo": ("Write DynamoGraphDeployments of NVIDIA Dynamo.", ("images", "namespace")),
    "terraform-vars": ("Write the machines to be held as Terraform variables.", ()),
    "litellm": ("Write the configuration of a LiteLLM proxy: models, weights, fallbacks.", ("namespace",)),
    "gateway": ("Write InferencePools and weighted HTTPRoutes of the Gateway API.", ("namespace",)),
}
"""Kind → its help, and the options that it takes beside those of all."""

OPTIONS: dict[str, Callable[[Any], Any]] = {
    "images": click.option(
        "--image", "images", multiple=True, metavar="ENGINE=IMAGE", help="Container image of an engine. Repeatable."
    ),
    "namespace": click.option(
        "--namespace", default="default", show_default=True, metavar="NAME", help="Namespace of the manifests."
    ),
    "autoscaler": click.option(
        "--autoscaler",
        type=click.Choice(["hpa", "keda", "none"]),
        default="hpa",
        show_default=True,
        help="What follows demand, on the load of tokens.",
    ),
    "prometheus": click.option(
        "--prometheus", metavar="URL", help="Where KEDA reads metrics.  [default: the operator's service]"
    ),
}
"""Options that only some kinds take."""


@click.group(
    epilog="""\b
Examples:
  planner export vllm plan/plan.json
  planner export kubernetes plan/plan.json -o manifests/ --namespace llm
  planner export litellm plan/plan.json > config.yaml
"""
)
def export() -> None:
    """Turn a plan into what runs it: engine commands, manifests, gateways, variables.

    Everything comes from plan.json. What it does not know stands as REPLACE-ME, with a warning on stderr.

    Exit codes: 0 done, 2 invalid input.
    """


def _command(kind: str) -> click.Command:
    """Return the command of a kind."""
    text, more = KINDS[kind]

    def run(plan: Path, output: Path | None, as_json: bool, **wishes: Any) -> None:
        _run(kind, plan, output, as_json, wishes)

    run.__doc__ = text
    made: Any = run
    for name in reversed(more):
        made = OPTIONS[name](made)
    for option in (
        json_output.option("Print one JSON object: files by name, warnings."),
        click.option("--period", metavar="NAME", help="Replicas and routes of this period; else of the one with most replicas."),
        click.option(
            "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Write the files here, not to stdout."
        ),
        click.argument("plan", type=click.Path(path_type=Path), metavar="PLAN.json"),
    ):
        made = option(made)
    return click.command(kind, epilog=f"\b\nExample:\n  planner export {kind} plan/plan.json -o out/")(made)


for _kind in KINDS:
    export.add_command(_command(_kind))


def _run(kind: str, plan: Path, output: Path | None, as_json: bool, wishes: dict[str, Any]) -> None:
    """Make an export, and print or write it."""
    from planner.atomic import check_folder
    from planner.export.kinds import KINDS as MAKERS
    from planner.export.view import view

    if output is not None:
        check_folder(output)
    origin, seen = _read(plan)
    made = MAKERS[kind](view(seen, _wishes(wishes), str(plan)), origin)
    for line in made.warnings:
        click.echo(f"warning: {line}", err=True)
    _put(made, origin, output, as_json)


def _read(path: Path) -> Any:
    """Return where a plan comes from, and the plan."""
    import hashlib

    from planner.cli.simulate import read_plan
    from planner.export.files import Origin

    plan = read_plan(path)
    return Origin(plan.problem, hashlib.sha256(path.read_bytes()).hexdigest()), plan


def _wishes(given: dict[str, Any]) -> Any:
    """Return what the user says, checked."""
    from planner.errors import InvalidInput
    from planner.export.view import Wishes

    namespace = given.get("namespace")
    if namespace is not None and not _NAMESPACE.fullmatch(namespace):
        what = f"{namespace!r} is no name of a namespace"
        raise InvalidInput.at(_EDGE, what, "use lower-case letters, digits and hyphens, at most 63", path="--namespace")
    known = {name: value for name, value in given.items() if value is not None and name != "images"}
    return Wishes(**known, images=_images(given.get("images", ())))


def _images(texts: tuple[str, ...]) -> dict[str, str]:
    """Read `ENGINE=IMAGE`, each engine once."""
    from planner.errors import InvalidInput
    from planner.export.flags import ENGINES

    made: dict[str, str] = {}
    for text in texts:
        engine, _, image = text.partition("=")
        if engine not in ENGINES or not image.strip() or engine in made:
            what = f"{text!r} names no image of an engine" if engine not in made else f"{engine} is given twice"
            raise InvalidInput.at(_EDGE, what, f"write ENGINE=IMAGE, engines are {', '.join(ENGINES)}", path="--image")
        made[engine] = image
    return made


def _put(made: Export, origin: Origin, output: Path | None, as_json: bool) -> None:
    """Print an export, or write its files, all or none."""
    from planner.atomic import write_all
    from planner.export.files import as_text, plain, rendered

    written = [] if output is None else write_all(output, {file.name: rendered(file, origin) for file in made.files})
    for path in written:
        click.echo(f"wrote {path}", err=True)
    if as_json:
        json_output.echo({**plain(made, origin), "written": json_output.files(written, made.kind)})
    elif output is None:
        click.echo(as_text(made, origin), nl=False)
