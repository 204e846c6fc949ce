"""What an export is: files, in the order in which they are to be read, and what a person still has to do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from planner import __version__

Document = dict[str, Any]
"""A manifest or configuration, as nested dictionaries and lists."""

PLACEHOLDER = "REPLACE-ME"
"""Stands, with a word on what is missing, where a fact is not known; each comes with a warning."""

VERSION = "export/v1"
"""Version of the JSON."""

WIDTH = 120
"""Line width of YAML [character]."""


def missing(what: str) -> str:
    """Return the placeholder of a fact.

    Examples
    --------
    >>> missing("checkpoint of model x")
    'REPLACE-ME-checkpoint-of-model-x'
    """
    return "-".join([PLACEHOLDER, *what.split()])


@dataclass(frozen=True)
class File:
    """One file."""

    name: str
    """File name, without folder."""
    documents: tuple[Document, ...] = ()
    """Its documents; empty where it is text."""
    text: str = ""
    """Its text, where it has no documents."""
    notes: tuple[str, ...] = ()
    """Lines of its opening comment, beside where it comes from."""
    aside: bool = False
    """Whether it goes to a folder only: what reads the others from a stream would not take it."""


@dataclass(frozen=True)
class Export:
    """What a plan is exported to."""

    kind: str
    """Which export."""
    files: tuple[File, ...]
    """Files."""
    warnings: tuple[str, ...] = ()
    """What is missing, was left out, or has to be done by hand."""


@dataclass(frozen=True)
class Origin:
    """Where an export comes from."""

    problem: str
    """Name of the problem."""
    digest: str
    """SHA-256 of plan.json."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Say so in a comment."""
        return (f"Made by planner {__version__} from the plan of {self.problem}", f"plan.json sha256:{self.digest}")


class _Dumper(yaml.SafeDumper):
    """Indents lists within maps, writes texts of several lines as such, and repeats rather than refers."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - the library's signature
        """Indent lists too."""
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
        """Write everything out."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def to_yaml(document: Mapping[str, Any]) -> str:
    """Write one document as YAML, keys in the order they are in."""
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=WIDTH
    )  # fmt: skip


def rendered(file: File, origin: Origin) -> str:
    """Return the text of a file, opened by a comment that says where it comes from.

    Parameters
    ----------
    file : File
    origin : Origin

    Returns
    -------
    str
        JSON has no comments: a `.json` file must say it within.
    """
    if file.name.endswith(".json"):
        return json.dumps(file.documents[0], indent=2, ensure_ascii=False) + "\n"
    shebang, body = _parted(file.text) if file.text else ("", _joined(file.documents))
    comment = "".join(f"# {line}\n" for line in (*origin.lines, *file.notes))
    return f"{shebang}{comment}{body}"


def _parted(text: str) -> tuple[str, str]:
    """Part a script's first line from the rest, which comments must not precede."""
    if not text.startswith("#!"):
        return "", text
    first, _, rest = text.partition("\n")
    return f"{first}\n", rest


def _joined(documents: Iterable[Document]) -> str:
    return "".join(f"---\n{to_yaml(document)}" for document in documents) or "# Nothing to run.\n"


def as_text(export: Export, origin: Origin) -> str:
    """Return all files in one stream, for stdout, but those aside."""
    files = [file for file in export.files if not file.aside]
    if len(files) == 1:
        return rendered(files[0], origin)
    return "".join(f"# ==> {file.name} <==\n{rendered(file, origin)}" for file in files)


def plain(export: Export, origin: Origin) -> Document:
    """Return an export as plain data: files by name, as documents or as text."""
    return {
        "version": VERSION,
        "export": export.kind,
        "planner": __version__,
        "problem": origin.problem,
        "plan_digest": origin.digest,
        "files": {file.name: list(file.documents) if not file.text else file.text for file in export.files},
        "warnings": list(export.warnings),
    }
