"""Names as clusters take them: lower case, digits and hyphens, at most 63 characters, no two alike."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

LONGEST = 63
"""RFC 1123 label [character]."""

DIGEST = 6
"""Characters of a digest that tell apart names which would read alike."""


def dns(*parts: str, longest: int = LONGEST) -> str:
    """Return an RFC 1123 label of some words.

    Where characters are lost to length, the digest of the words is appended, so that different words stay different.

    Examples
    --------
    >>> dns("Chat & Code", "P1")
    'chat-code-p1'
    >>> len(dns("a" * 80))
    63
    """
    text = "-".join(parts)
    label = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"
    return label if len(label) <= longest else f"{label[: longest - DIGEST - 1].rstrip('-')}-{_digest(text)}"


def told_apart(names: Iterable[str]) -> dict[str, str]:
    """Return a label for each name; names that would get the same one get their digest appended.

    Examples
    --------
    >>> told_apart(["chat", "code~2"])
    {'chat': 'chat', 'code~2': 'code-2'}
    >>> sorted(len(label) for label in told_apart(["a b", "a-b"]).values())
    [10, 10]
    """
    labels = {name: dns(name) for name in names}
    made = list(labels.values())
    return {
        name: label if made.count(label) == 1 else f"{dns(name, longest=LONGEST - DIGEST - 1)}-{_digest(name)}"
        for name, label in labels.items()
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST]
