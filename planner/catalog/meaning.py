"""What a person means by words such as `qwen3-32b fp8 tp2`: names of the catalog, kind by kind.

A word is looked for in every kind of name. The kind that has it most exactly is the one meant: as a whole name, else as a whole
word of a name, else as letters in it; so `fp8` is the precision and not a model whose name ends in it. Of that kind the names
that have it most exactly are meant, those after whose last `/` nothing else stands before others: `h200` is `h200-sxm` but not
`gh200-96`, `qwen3-32b` not a fine-tune of it. Letter case and the difference of `-`, `_` and space do not count.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from planner.catalog.select import names
from planner.domain.catalog import Catalog

KINDS = (
    "accelerators", "models", "precisions", "engines", "kv_precisions", "layouts", "offers", "sellers", "regions", "apis",
    "instances",
)  # fmt: skip
"""Kinds of names, in the order in which they win where several have a word as exactly."""

WHOLE, LAST, WORDS, LETTERS = range(4)
"""How exactly a name has a word, most exactly first."""

_DEGREES = ("tp", "pp", "dp", "ep")


@dataclass(frozen=True)
class Meaning:
    """What words mean."""

    said: Mapping[str, tuple[str, ...]]
    """Kind → the words that name it."""
    names: Mapping[str, frozenset[str]]
    """Kind → the names meant; none where its words name different things."""
    unknown: tuple[str, ...]
    """Words that name nothing."""


def meant(catalog: Catalog, words: Sequence[str]) -> Meaning:
    """Return what words mean among all names of a catalog, whether or not a problem may use them.

    Examples
    --------
    >>> best(["h200-sxm", "gh200-96", "h100-sxm"], ["h200"])
    frozenset({'h200-sxm'})
    >>> sorted(best(["tp2", "tp2 pp2", "tp4 pp2", "tp4"], ["pp2"]))
    ['tp2 pp2', 'tp4 pp2']
    >>> best(["tp2", "tp2 pp2", "tp2 pp4"], ["tp2"])
    frozenset({'tp2'})
    """
    known = {kind: names(catalog, kind) for kind in KINDS}
    by_kind: dict[str, list[str]] = {}
    for word in words:
        by_kind.setdefault(_kind(catalog, known, word), []).append(word)
    unknown = tuple(by_kind.pop("", ()))
    found = {kind: _of(catalog, kind, known[kind], said) for kind, said in by_kind.items()}
    return Meaning({kind: tuple(said) for kind, said in by_kind.items()}, found, unknown)


def _of(catalog: Catalog, kind: str, known: Sequence[str], words: Sequence[str]) -> frozenset[str]:
    if kind == "layouts":
        words = sorted(words, key=lambda word: _DEGREES.index(word[:2].lower()) if word[:2].lower() in _DEGREES else 0)
    aliased = catalog.resolve_model(words[0]) if kind == "models" and len(words) == 1 else None
    return best(known, words) if aliased is None else frozenset({aliased})


def _kind(catalog: Catalog, known: Mapping[str, Sequence[str]], word: str) -> str:
    """Return the kind that has a word most exactly, the first of several; empty if none has it."""
    ranks = {kind: _least(some, word) for kind, some in known.items()}
    if catalog.resolve_model(word) is not None:
        ranks["models"] = WHOLE
    ranks = {kind: WORDS if rank == LAST else rank for kind, rank in ranks.items()}  # `h200` is no machine called `seller/h200`
    nearest = min((rank for rank in ranks.values() if rank is not None), default=None)
    return "" if nearest is None else next(kind for kind, rank in ranks.items() if rank == nearest)


def _least(some: Iterable[str], word: str) -> int | None:
    return min((rank for name in some if (rank := exactness(name, word)) is not None), default=None)


def best(known: Sequence[str], words: Sequence[str]) -> frozenset[str]:
    """Return the names that have words most exactly: all of them as one name, else each of them, else each in any way."""
    if together := _within(known, " ".join(words), LAST):
        return _nearest(together, " ".join(words))
    if found := frozenset.intersection(*(_nearest(known, word) for word in words)):
        return found
    for least in (WORDS, LETTERS):
        if found := frozenset.intersection(*(_within(known, word, least) for word in words)):
            return found
    return frozenset()


def _nearest(known: Collection[str], word: str) -> frozenset[str]:
    rank = _least(known, word)
    return frozenset() if rank is None else frozenset(name for name in known if exactness(name, word) == rank)


def _within(known: Sequence[str], word: str, least: int) -> frozenset[str]:
    return frozenset(name for name in known if (rank := exactness(name, word)) is not None and rank <= least)


def exactness(name: str, word: str) -> int | None:
    """Return how exactly a name has a word, None if it does not.

    Examples
    --------
    >>> [exactness("Qwen/Qwen3-32B", word) for word in ("qwen/qwen3-32b", "Qwen3-32B", "32b", "wen", "8b")]
    [0, 1, 2, 3, None]
    """
    whole, part = _plain(name), _plain(word)
    if whole == part:
        return WHOLE
    if whole.rpartition("/")[2] == part:
        return LAST
    if re.search(rf"(?<![a-z0-9.]){re.escape(part)}(?![a-z0-9.])", whole):
        return WORDS
    return LETTERS if part in whole else None


def _plain(text: str) -> str:
    return re.sub(r"[_\s]", "-", text.lower())
