"""The next problem as the text of a file, which the planner reads back as the very same values."""

from __future__ import annotations

from typing import Any

import yaml

from planner.catalog.yamlfile import parse


class _Dumper(yaml.SafeDumper):
    """Writes words that the planner's reader (YAML 1.2) would take for something else in quotes."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the name and arguments are PyYAML's
        """Write values out, however often they occur."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = parse(f"- {text}\n", "").data == [text] if _simple(text) else True
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


def _simple(text: str) -> bool:
    """Whether a text has only letters that numbers and words are made of; PyYAML quotes others where it must."""
    return bool(text) and all(letter.isalnum() or letter in "+-._" for letter in text) and not text.startswith("-")


_Dumper.add_representer(str, _text)


def text_of(data: dict[str, Any], comment: str) -> str:
    """Write a problem as YAML under a comment.

    Raises
    ------
    ValueError
        If it does not read back as the same; a mistake of this code.
    """
    body = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=130)
    text = "".join(f"# {line}\n" for line in comment.splitlines()) + "\n" + body
    if parse(text, "").data != data:
        raise ValueError("the problem does not read back as it was written")
    return text
