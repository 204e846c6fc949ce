"""Reads a page strictly: what does not nest, is named twice or points nowhere is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"meta", "link", "br", "img", "hr"}
SHAPES = {"rect", "circle", "path", "polyline", "polygon"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    """Tags around it."""
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A page taken apart."""

    elements: list[Element] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.wrongs += [f"{tag} has {name} twice" for name, count in Counter(names).items() if count > 1]
        made = Element(tag, {name: value or "" for name, value in attrs}, tuple(one.tag for one in self._open))
        self.elements.append(made)
        if tag not in VOID:
            self._open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].tag != tag:
            self.wrongs.append(f"</{tag}> closes {[one.tag for one in self._open][-3:]}")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        for one in self._open:
            one.text += data

    def of(self, *tags: str) -> list[Element]:
        return [one for one in self.elements if one.tag in tags]


def read(text: str) -> Page:
    """Take a page apart; nothing may be left open."""
    page = Page()
    page.feed(text)
    page.close()
    page.wrongs += [f"<{one.tag}> is never closed" for one in page._open]
    return page


def structure_wrongs(page: Page) -> list[str]:
    """Return what a reader who does not see the page would stumble over."""
    said = list(page.wrongs)
    ids = Counter(one.attributes["id"] for one in page.elements if "id" in one.attributes)
    said += [f"id {name} stands {count} times" for name, count in ids.items() if count > 1]
    for one in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            said += [f"{one.tag} points to {ref}" for ref in one.attributes.get(name, "").split() if ref not in ids]
        if one.attributes.get("href", "").startswith("#") and one.attributes["href"][1:] not in ids:
            said.append(f"a link leads to {one.attributes['href']}")
    levels = [int(one.tag[1]) for one in page.of("h1", "h2", "h3", "h4")]
    said += [f"h{before} is followed by h{after}" for before, after in pairwise(levels) if after > before + 1]
    said += [
        f"{tag}: {len(page.of(tag))}" for tag in ("h1", "main", "header", "nav", "footer", "title") if _visible(page, tag) != 1
    ]
    said += ["a table without a caption"] * (len(page.of("table")) - len(page.of("caption")))
    said += ["a heading of a table without a scope" for one in page.of("th") if "scope" not in one.attributes]
    figures = page.of("svg")
    said += ["a figure without a role or a label" for one in figures if one.attributes.get("role") != "img"]
    return said


def _visible(page: Page, tag: str) -> int:
    """Count elements of a page, not those of its figures."""
    return sum("svg" not in one.inside for one in page.of(tag))
