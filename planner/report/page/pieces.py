"""Sections of the Markdown report as HTML, so that page and report always say the same in the same words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from planner.domain.plan import Plan
from planner.report import markdown

if TYPE_CHECKING:
    from markdown_it.token import Token

_MARKS = {"✓": ("good", "kept"), "✗": ("bad", "missed")}
_SUMMARY = ("<summary>", "</summary>")


FEW = 3
"""Tables of more columns scroll on a telephone rather than squeeze."""

SHORT = 16
"""Cells with fewer letters are never broken."""


@dataclass
class Piece:
    """A section of the report."""

    title: str
    """Heading, as text."""
    folded: bool
    """Whether it is looked up rather than read."""
    tokens: list[Token] = field(default_factory=list)

    @property
    def html(self) -> str:
        """Its content as HTML."""
        return "".join(_written(self.tokens, self.title))


def pieces_of(plan: Plan) -> list[Piece]:
    """Return the sections of a plan's report, in order; what stands before the first is left out.

    Raw HTML in the Markdown is taken as text, but for line breaks and the folded blocks that the report itself writes.
    """
    from markdown_it import MarkdownIt

    made: list[Piece] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown.render(plan))
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token.type == "heading_open" and token.tag == "h2":
            made.append(Piece(_text(tokens[place + 1]), folded=False))
            place += 3
            continue
        if token.type == "html_block":
            if token.content.startswith("<details>") and _SUMMARY[0] in token.content:
                made.append(Piece(_summary(token.content), folded=True))
        elif made:
            made[-1].tokens.append(token)
        place += 1
    return [piece for piece in made if piece.tokens]


def _summary(block: str) -> str:
    """Return the title of a folded block."""
    return block.split(_SUMMARY[0], 1)[1].split(_SUMMARY[1], 1)[0].strip()


def _text(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def _written(tokens: Sequence[Token], title: str) -> Iterator[str]:
    """Yield tokens as HTML; tables get a caption, a place to scroll in, and classes instead of styles."""
    for place, token in enumerate(tokens):
        if token.type == "table_open":
            wide = ' class="many"' if _columns(tokens[place:]) > FEW else ""
            caption = f"<table{wide}><caption>{escape(title)}</caption>"
            yield f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(title)}">{caption}'
        elif token.type == "table_close":
            yield "</table></div>"
        elif token.type in ("th_open", "td_open"):
            kinds = ["num"] if "right" in str(token.attrs.get("style", "")) else []
            kinds += ["short"] if max(map(len, tokens[place + 1].content.split("<br>"))) <= SHORT else []
            kind = f' class="{" ".join(kinds)}"' if kinds else ""
            scope = ' scope="col"' if token.tag == "th" else ""
            yield f"<{token.tag}{scope}{kind}>"
        elif token.type == "inline":
            yield _inline(token)
        elif token.type.endswith(("_open", "_close")):
            yield "" if token.hidden else f"<{'/' if token.nesting < 0 else ''}{token.tag}>"
        else:
            yield escape(token.content)


def _columns(tokens: Sequence[Token]) -> int:
    """Return how many columns the table has that begins here."""
    end = next((place for place, token in enumerate(tokens) if token.type == "thead_close"), 0)
    return sum(token.type == "th_open" for token in tokens[:end])


def _inline(token: Token) -> str:
    """Write a line; a mark in a cell of its own is also said in words."""
    if token.content in _MARKS:
        colour, word = _MARKS[token.content]
        return f'<span class="mark {colour}" aria-hidden="true">{token.content}</span><span class="hidden">{word}</span>'
    said = []
    for child in token.children or ():
        if child.type in ("strong_open", "strong_close", "em_open", "em_close"):
            said.append(f"<{'/' if child.nesting < 0 else ''}{child.tag}>")
        elif child.type == "html_inline" and child.content == "<br>":
            said.append("<br>")
        elif child.type in ("softbreak", "hardbreak"):
            said.append(" ")
        else:
            said.append(escape(child.content))
    return "".join(said)
