"""Colours by what they stand for, on light and on dark ground; every pair that carries text has a contrast of 4.5 or more."""

from __future__ import annotations

LIGHT = {
    "paper": "#ffffff",
    "ground": "#f4f6f9",
    "sunk": "#eceff4",
    "ink": "#141b26",
    "soft": "#4d5a6b",
    "rule": "#d3dae3",
    "accent": "#1f5fa8",
    "good": "#0f7350",
    "bad": "#b42318",
    "warn": "#8a5a00",
    "c1": "#1f5fa8",
    "c2": "#b35309",
    "c3": "#127a5c",
    "c4": "#a3437e",
    "c5": "#7d6212",
    "c6": "#5b52b5",
    "c7": "#1b768f",
    "c8": "#5c6773",
    "faint1": "#d6e4f5",
    "faint3": "#cfe9df",
}
"""On paper, and on a projector in a bright room."""

DARK = {
    "paper": "#171d26",
    "ground": "#0e131a",
    "sunk": "#202836",
    "ink": "#e8edf4",
    "soft": "#a9b4c2",
    "rule": "#344052",
    "accent": "#7db5f5",
    "good": "#5fd0a5",
    "bad": "#ff9c92",
    "warn": "#f0bd62",
    "c1": "#7db5f5",
    "c2": "#f2a65e",
    "c3": "#5fd0a5",
    "c4": "#e79aca",
    "c5": "#d9be67",
    "c6": "#b3abf7",
    "c7": "#6fcbe3",
    "c8": "#a9b4c2",
    "faint1": "#24405f",
    "faint3": "#1d4a3c",
}
"""Where a reader's system asks for dark."""

SERIES = ("c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8")
"""Told apart with any colour vision by lightness and order; figures also name each beside it."""


def series(place: int) -> str:
    """Return the colour of the n-th thing; beyond the palette all are grey."""
    return SERIES[place] if place < len(SERIES) else SERIES[-1]


def variables(colours: dict[str, str]) -> str:
    """Write colours as CSS variables."""
    return "".join(f"--{name}:{value};" for name, value in colours.items())


def classes() -> str:
    """Write the classes that shapes wear: `f-x` fills, `s-x` draws."""
    return "".join(f".f-{name}{{fill:var(--{name})}}.s-{name}{{stroke:var(--{name})}}" for name in LIGHT)
