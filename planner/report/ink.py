"""What reaches a terminal: no control codes from names, no markup, plain ASCII where the terminal knows no more."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.box import Box
    from rich.console import Console
    from rich.text import Text

_ASCII = str.maketrans(
    {
        "×": "x",
        "·": "-",
        "–": "-",
        "—": "-",
        "−": "-",
        "→": "->",
        "←": "<-",
        "≤": "<=",
        "≥": ">=",
        "…": "...",
        "•": "*",
        "✓": "ok",
        "✗": "NO",
        "∞": "inf",
        "§": "section ",
        "µ": "u",
        "μ": "u",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "█": "W",
        "▓": "A",
        "▒": "R",
        "░": "K",
    }
)

_BREAKS = re.compile(r"[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_RULE = "    \n    \n -- \n    \n    \n    \n    \n    \n"
_RULE_FINE = "    \n    \n ── \n    \n    \n    \n    \n    \n"


def printable(text: str) -> str:
    """Put text on one line and replace what a terminal would obey instead of showing.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Without control, formatting (bidirectional, zero-width) and surrogate characters.

    Examples
    --------
    >>> printable("two\\nlines"), printable("\\x1b[31mred")
    ('two lines', '\ufffd[31mred')
    """
    spaced = _BREAKS.sub(" ", text)
    return "".join("\ufffd" if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co") else char for char in spaced)


def ascii_only(text: str) -> str:
    """Write text in ASCII: known signs by their words, accents dropped, the rest as `?`.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> ascii_only("8 × H100 → ≤ 50 ms"), ascii_only("café 東京")
    ('8 x H100 -> <= 50 ms', 'cafe ??')
    """
    plain = unicodedata.normalize("NFKD", text.translate(_ASCII))
    kept = "".join(char for char in plain if not unicodedata.combining(char))
    return kept.encode("ascii", "replace").decode("ascii")


@dataclass(frozen=True)
class Ink:
    """Makes text for one console."""

    plain: bool
    """Whether the console's encoding is poorer than Unicode."""

    @classmethod
    def of(cls, console: Console) -> Ink:
        """Read off a console what it can show."""
        return cls(plain=console.options.ascii_only)

    def __call__(self, text: str, style: str = "") -> Text:
        """Write one line of text; never reads it as markup."""
        from rich.text import Text

        shown = printable(text)
        return Text(ascii_only(shown) if self.plain else shown, style=style)

    def lines(self, *parts: Text | str) -> Text:
        """Put texts below one another."""
        from rich.text import Text

        return Text("\n").join([self(part) if isinstance(part, str) else part for part in parts])

    def box(self) -> Box:
        """Return the one rule tables have: below their header."""
        from rich.box import Box

        return Box(_RULE if self.plain else _RULE_FINE, ascii=self.plain)
