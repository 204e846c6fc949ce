"""Holds exports against schemas: Kubernetes' own from a library, those of custom resources from `export/crds`."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator

from planner.domain.plan import Plan
from planner.export.files import Export, File, Origin, plain, rendered
from planner.export.flags import ENGINES, command_line
from planner.export.kinds import KINDS
from planner.export.view import Wishes, view

CRDS = Path(__file__).parent / "export" / "crds"
CORE = kubernetes_validate.latest_version()
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
ORIGIN = Origin("test", "0" * 64)
FILES = {
    "litellm": "litellm",
    "llm-d": "llm-d",
}
"""Kind of export whose files are no manifests → their schema."""


def exported(plan: Plan, kind: str, **wishes: Any) -> Export:
    """Return an export of a plan, every file of which is valid."""
    made = KINDS[kind](view(plan, Wishes(**wishes), "plan.json"), ORIGIN)
    check(made)
    return made


def check(made: Export) -> None:
    """Fail if a file of an export is not valid, or its JSON is not what its files hold."""
    assert made.files
    assert len({file.name for file in made.files}) == len(made.files)
    body = json.loads(json.dumps(plain(made, ORIGIN)))
    assert set(body["files"]) == {file.name for file in made.files}
    for file in made.files:
        _check_file(made.kind, file)


def _check_file(kind: str, file: File) -> None:
    text = rendered(file, ORIGIN)
    if file.name.endswith(".json"):
        assert (json.loads(text),) == file.documents
        fits("terraform", file.documents[0])
        return
    assert all(line in text for line in (f"# {line}" for line in ORIGIN.lines))
    if file.text:
        assert kind in ENGINES or file.name == "variables.tf"
        return
    assert [one for one in yaml.safe_load_all(text) if one is not None] == list(file.documents)
    for document in file.documents:
        if file.name == "prometheus-adapter.values.yaml":
            fits("prometheus-adapter", document)
        elif kind in FILES:
            fits(FILES[kind], document)
            check_values(document) if kind == "llm-d" else None
        else:
            manifest(document)


@cache
def schemas() -> dict[str, Any]:
    """Return the schemas of custom resources, by file name and by what they are of."""
    read = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in CRDS.glob("*.yaml")}
    return read | {f"{one['apiVersion']}/{one['kind']}": one for one in read.values() if "kind" in one}


def fits(name: str, value: Any) -> None:
    """Fail if a value does not fit a schema."""
    found = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schemas()[name]["spec"]).iter_errors(value)]
    assert found == []


def manifest(document: dict[str, Any]) -> None:
    """Fail if a manifest is not valid."""
    meta = document["metadata"]
    assert LABEL.fullmatch(meta["name"])
    assert len(meta["name"]) <= 63
    assert all(len(value) <= 63 for value in meta.get("labels", {}).values())
    name = f"{document['apiVersion']}/{document['kind']}"
    if name not in schemas():
        core(json.dumps(document))
        if document["kind"] == "ConfigMap" and meta["name"].endswith("-bench"):
            for text in document["data"].values():
                fits("guidellm", yaml.safe_load(text))
        return
    fits(name, document["spec"])
    for path in schemas()[name].get("pods", ()):
        pod: Any = document
        for key in path.split("."):
            pod = pod.get(key, {})
        if pod:
            pod_spec({key: value for key, value in pod.items() if key not in schemas()[name].get("besides", ())})
    if document["kind"] == "DynamoGraphDeployment":
        for component in document["spec"]["services"].values():
            spec = dict(component["extraPodSpec"])
            pod_spec({**spec, "containers": [{"name": "main", **spec.pop("mainContainer")}]} | {"mainContainer": None})


def pod_spec(spec: dict[str, Any]) -> None:
    """Fail if a pod's specification is not valid by Kubernetes' own schema."""
    spec = {key: value for key, value in spec.items() if value is not None}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": spec}
    core(json.dumps(pod))


@cache
def core(text: str) -> None:
    """Fail if a resource of Kubernetes' own, as JSON, is not valid; alike ones are looked at once, since each look is slow."""
    kubernetes_validate.validate(json.loads(text), CORE, strict=True)


def check_values(document: dict[str, Any]) -> None:
    """Fail if the pods that the chart makes of values would not be valid."""
    decode = document["decode"]
    containers = [
        {key: value for key, value in one.items() if key not in ("modelCommand", "mountModelVolume")}
        for one in decode["containers"]
    ]
    pod_spec({key: decode[key] for key in ("nodeSelector", "tolerations", "volumes")} | {"containers": containers})


def flags_of(argv: list[str]) -> set[str]:
    """Return the flags of a command."""
    return {word for word in argv if word.startswith("--")}


def script_flags(text: str) -> set[str]:
    """Return the flags of a script."""
    return flags_of([word for line in text.splitlines() if not line.startswith("#") for word in _words(line)])


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line.removesuffix("\\"))
    except ValueError:
        return line.split()


def documented(engine: str) -> set[str]:
    """Return the flags that an engine documents."""
    return set(command_line(engine).flags)
