"""A figure as shapes in pixels, drawn the same on a page, in an SVG file and in a PNG file."""

from __future__ import annotations

from dataclasses import dataclass, field

_NARROW = frozenset("ijlI.,:;'|!()[]ft/ ·")
_WIDE = frozenset("mwMW@%—×")

SMALL = 12.0
"""Height of letters [px]."""
LARGE = 13.5


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    """A role of the palette."""
    edge: str = ""
    radius: float = 0.0
    says: str = ""
    """What a pointer over it shows."""


@dataclass(frozen=True)
class Stroke:
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Area:
    """A filled polygon."""

    points: tuple[tuple[float, float], ...]
    fill: str
    says: str = ""


@dataclass(frozen=True)
class Curve:
    """A line from left to right that leaves and arrives level."""

    start: tuple[float, float]
    end: tuple[float, float]
    colour: str
    width: float
    says: str = ""


@dataclass(frozen=True)
class Dot:
    """A disc."""

    x: float
    y: float
    radius: float
    fill: str
    edge: str = ""
    says: str = ""


@dataclass(frozen=True)
class Words:
    """One line of text; `y` is its base line."""

    x: float
    y: float
    text: str
    colour: str = "ink"
    size: float = SMALL
    anchor: str = "start"
    """start, middle or end"""
    bold: bool = False
    says: str = ""


Shape = Box | Stroke | Area | Curve | Dot | Words


@dataclass
class Scene:
    """A figure."""

    width: float
    height: float = 0.0
    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        """Put shapes on top."""
        self.shapes.extend(shapes)

    def words(
        self,
        x: float,
        y: float,
        text: str,
        room: float,
        colour: str = "ink",
        size: float = SMALL,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """Write a text into the room there is; a pointer shows what is cut."""
        shown = fitted(text, room, size * (1.06 if bold else 1.0))
        self.add(Words(x, y, shown, colour, size, anchor, bold, "" if shown == text else text))


NARROW = 560.0
"""Figures narrower than this [px] put names above bars instead of beside them."""


def width_of(text: str, size: float = SMALL) -> float:
    """Return about how wide a text is in a sans-serif face [px]; a little more rather than less.

    Examples
    --------
    >>> width_of("ill") < width_of("abc") < width_of("WWW")
    True
    """
    return size * sum(0.34 if c in _NARROW else 0.95 if c in _WIDE else 0.72 if c.isupper() else 0.6 for c in text)


def fitted(text: str, room: float, size: float = SMALL) -> str:
    """Cut a text to a room.

    Examples
    --------
    >>> fitted("chat", 100.0), fitted("a-rather-long-name", 60.0)
    ('chat', 'a-rathe…')
    """
    if width_of(text, size) <= room:
        return text
    kept = text
    while kept and width_of(kept + "…", size) > room:
        kept = kept[:-1]
    return kept.rstrip(" ·-/") + "…" if kept else ""
