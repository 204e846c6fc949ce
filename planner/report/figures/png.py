"""Scenes as PNG files, through matplotlib: for slides and documents that take no SVG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from planner.report.figures.palette import LIGHT
from planner.report.figures.scene import Area, Box, Curve, Dot, Scene, Shape, Stroke, Words
from planner.report.ink import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import FancyBboxPatch

DENSITY = 2.0
"""Points of the file for one of the figure."""
_INCH = 100.0
_POINT = 72.0 / _INCH
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}
_FACES = ["Arial", "Liberation Sans", "Helvetica Neue", "DejaVu Sans"]


def png(scene: Scene) -> bytes:
    """Draw a scene on white paper; the same bytes for the same scene and fonts."""
    import matplotlib as mpl
    from matplotlib.font_manager import FontProperties, findfont, get_font_names

    known = set(get_font_names())
    face = next(name for name in _FACES if name in known)
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({"font.family": face, "path.simplify": False})
        findfont(FontProperties(family=face))
        from matplotlib.figure import Figure

        figure = Figure(figsize=(scene.width / _INCH, scene.height / _INCH), facecolor=LIGHT["paper"])
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set(xlim=(0.0, scene.width), ylim=(scene.height, 0.0))
        axes.set_axis_off()
        for order, shape in enumerate(scene.shapes):
            _draw(axes, shape, order)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_INCH * DENSITY, metadata={"Software": None}, facecolor=LIGHT["paper"])
    return buffer.getvalue()


def _draw(axes: Axes, shape: Shape, order: int) -> None:
    """Draw one shape above those before it."""
    from matplotlib.patches import Circle, FancyBboxPatch, PathPatch, Polygon
    from matplotlib.path import Path

    if isinstance(shape, Words):
        how: dict[str, Any] = {"size": shape.size * _POINT, "ha": _ANCHORS[shape.anchor], "va": "baseline", "zorder": order}
        text = printable(shape.text).replace("$", r"\$")  # matplotlib reads a pair of dollar signs as a formula
        axes.text(shape.x, shape.y, text, color=LIGHT[shape.colour], weight="bold" if shape.bold else "normal", **how)
    elif isinstance(shape, Stroke):
        xs, ys = zip(*shape.points, strict=True)
        style = (0, (5, 4)) if shape.dashed else "-"
        axes.plot(xs, ys, color=LIGHT[shape.colour], linewidth=shape.width * _POINT, linestyle=style, zorder=order)
    elif isinstance(shape, Area):
        axes.add_patch(Polygon(shape.points, facecolor=LIGHT[shape.fill], linewidth=0.0, zorder=order))
    elif isinstance(shape, Curve):
        (x1, y1), (x2, y2) = shape.start, shape.end
        middle = (x1 + x2) / 2
        path = Path([(x1, y1), (middle, y1), (middle, y2), (x2, y2)], [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
        width = shape.width * _POINT
        axes.add_patch(PathPatch(path, facecolor="none", edgecolor=LIGHT[shape.colour], linewidth=width, zorder=order))
    elif isinstance(shape, Dot):
        edge = LIGHT[shape.edge] if shape.edge else "none"
        circle = Circle(
            (shape.x, shape.y), shape.radius, facecolor=LIGHT[shape.fill], edgecolor=edge, linewidth=1.5, zorder=order
        )
        axes.add_patch(circle)
    else:
        axes.add_patch(_box(shape, order, FancyBboxPatch))


def _box(shape: Box, order: int, kind: type[FancyBboxPatch]) -> FancyBboxPatch:
    """Return a rectangle, its corners round where asked."""
    style = f"round,pad=0,rounding_size={shape.radius}" if shape.radius else "square,pad=0"
    edge = LIGHT[shape.edge] if shape.edge else "none"
    size = max(shape.width, 0.0), shape.height
    return kind(
        (shape.x, shape.y), *size, boxstyle=style, facecolor=LIGHT[shape.fill], edgecolor=edge, linewidth=0.8, zorder=order
    )
