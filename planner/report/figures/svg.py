"""Scenes as SVG: within a page, whose colours they take, or as files of their own."""

from __future__ import annotations

from html import escape

from planner.report.figures.palette import DARK, LIGHT, classes, variables
from planner.report.figures.scene import Area, Box, Curve, Dot, Scene, Shape, Stroke, Words
from planner.report.ink import printable

FACE = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
"""Letters that the reader's own system uses."""


def inline(scene: Scene, title: str, description: str, name: str) -> str:
    """Write a scene for a page.

    Parameters
    ----------
    scene : Scene
    title : str
        In a few words.
    description : str
        What a reader sees who does not see it.
    name : str
        Unique on the page.
    """
    head = (
        f'<svg class="fig" viewBox="0 0 {_n(scene.width)} {_n(scene.height)}" width="{_n(scene.width)}" '
        f'height="{_n(scene.height)}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{_safe(title)}</title><desc id="{name}-d">{_safe(description)}</desc>'
    )
    return head + "".join(map(_shape, scene.shapes)) + "</svg>"


def standalone(scene: Scene, title: str, description: str) -> str:
    """Write a scene as a file; it is dark where the reader's system asks for it."""
    style = (
        f":root{{{variables(LIGHT)}}}@media (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}"
        f"text{{font-family:{FACE};font-variant-numeric:tabular-nums}}.b{{font-weight:600}}{classes()}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(scene.width)} {_n(scene.height)}" '
        f'width="{_n(scene.width)}" height="{_n(scene.height)}" role="img" aria-labelledby="t d">'
        f'<title id="t">{_safe(title)}</title><desc id="d">{_safe(description)}</desc><style>{style}</style>'
        f'<rect width="100%" height="100%" class="f-paper"/>{"".join(map(_shape, scene.shapes))}</svg>\n'
    )


def _safe(text: str) -> str:
    """Write text so that nothing in it is markup."""
    return escape(printable(text), quote=True)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _shape(shape: Shape) -> str:
    """Write one shape."""
    if isinstance(shape, Words):
        return _words(shape)
    if isinstance(shape, Stroke):
        dash = ' stroke-dasharray="5 4"' if shape.dashed else ""
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in shape.points)
        return f'<polyline points="{points}" fill="none" class="s-{shape.colour}" stroke-width="{_n(shape.width)}"{dash}/>'
    if isinstance(shape, Curve):
        return _curve(shape)
    said = f"<title>{_safe(shape.says)}</title>" if shape.says else ""
    if isinstance(shape, Area):
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in shape.points)
        return f'<polygon points="{points}" class="f-{shape.fill}">{said}</polygon>'
    edge = f" s-{shape.edge}" if shape.edge else ""
    if isinstance(shape, Dot):
        width = ' stroke-width="2"' if shape.edge else ""
        place = f'cx="{_n(shape.x)}" cy="{_n(shape.y)}" r="{_n(shape.radius)}"'
        return f'<circle {place} class="f-{shape.fill}{edge}"{width}>{said}</circle>'
    return _box(shape, edge, said)


def _box(shape: Box, edge: str, said: str) -> str:
    round_ = f' rx="{_n(shape.radius)}"' if shape.radius else ""
    place = f'x="{_n(shape.x)}" y="{_n(shape.y)}" width="{_n(max(shape.width, 0.0))}" height="{_n(shape.height)}"'
    return f'<rect {place}{round_} class="f-{shape.fill}{edge}">{said}</rect>'


def _curve(shape: Curve) -> str:
    (x1, y1), (x2, y2) = shape.start, shape.end
    middle = (x1 + x2) / 2
    path = f"M{_n(x1)},{_n(y1)} C{_n(middle)},{_n(y1)} {_n(middle)},{_n(y2)} {_n(x2)},{_n(y2)}"
    said = f"<title>{_safe(shape.says)}</title>" if shape.says else ""
    return f'<path d="{path}" fill="none" class="s-{shape.colour}" stroke-width="{_n(shape.width)}">{said}</path>'


def _words(shape: Words) -> str:
    said = f"<title>{_safe(shape.says)}</title>" if shape.says else ""
    anchor = f' text-anchor="{shape.anchor}"' if shape.anchor != "start" else ""
    kind = f"f-{shape.colour}{' b' if shape.bold else ''}"
    place = f'x="{_n(shape.x)}" y="{_n(shape.y)}" font-size="{_n(shape.size)}"'
    return f'<text {place}{anchor} class="{kind}">{_safe(shape.text)}{said}</text>'
