"""Reading fields of a Hugging Face config, collecting every mistake instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planner.errors import InvalidInput, Issue

_MOST = 10_000_000
_MOST_CONTEXT = 1_000_000_000
_CONTEXTS = {"max_position_embeddings", "seq_length", "n_positions", "max_seq_len"}
_NESTED = ("text_config", "llm_config", "language_config")
_PLACEHOLDER = 1
_REMEDY = "take the config.json of the released checkpoint, or write the model entry by hand"


def flatten(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the language model's fields of a config that may nest them beside a vision tower."""
    for key in _NESTED:
        inner = config.get(key)
        if isinstance(inner, dict):
            outer = {name: value for name, value in config.items() if name != "model_type" and not isinstance(value, dict)}
            quantization = {name: value for name, value in config.items() if name == "quantization_config"}
            return {**outer, **quantization, **inner, "architectures": config.get("architectures")}
    return dict(config)


class Reader:
    """Typed access to one config; a missing or malformed field is noted and read as 1 until `check` raises."""

    def __init__(self, config: Mapping[str, Any], file: str, defaults: Mapping[str, int] | None = None) -> None:
        """Read `config`, naming it `file` in messages; `defaults` are those of the family's own config class."""
        self.config = config
        self.file = file
        self.defaults = defaults or {}
        self.assumed: list[str] = []
        self._issues: list[Issue] = []

    def refuse(self, field: str, message: str, remedy: str = _REMEDY) -> None:
        """Note a mistake at a field."""
        self._issues.append(Issue(self.file, 0, field, message, remedy))

    def check(self) -> None:
        """Raise InvalidInput with every mistake noted so far."""
        if self._issues:
            raise InvalidInput(self._issues)

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null."""
        return self.config.get(name) is not None

    def optional(self, *names: str) -> int | None:
        """Return the first of several fields that is there, as a whole number; None if none is."""
        name = next((name for name in names if self.has(name)), None)
        return None if name is None else self._whole(name, self.config[name])

    def whole(self, *names: str) -> int:
        """Return the first of several fields that is there, as a whole number; its absence is a mistake."""
        value = self.optional(*names)
        if value is not None:
            return value
        default = next((name for name in names if name in self.defaults), None)
        if default is not None:
            self.assumed.append(f"{default} = {self.defaults[default]}")
            return self.defaults[default]
        self.refuse(names[0], f"missing field {' or '.join(names)}")
        return _PLACEHOLDER

    def positive(self, *names: str) -> int:
        """Return a whole number that must not be 0."""
        value = self.whole(*names)
        if value < 1:
            self.refuse(names[0], f"expected a number of at least 1, got {value}")
        return max(value, _PLACEHOLDER)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a true-or-false field; absent means the default of the family's config class."""
        value = self.config.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(name, f"expected true or false, got {str(value)[:40]!r}")
            return default
        return value

    def text(self, name: str) -> str:
        """Return a text field, empty if absent."""
        value = self.config.get(name)
        if value is None or isinstance(value, str):
            return value or ""
        self.refuse(name, f"expected a text, got {str(value)[:40]!r}")
        return ""

    def items(self, name: str) -> list[Any] | None:
        """Return a list field, None if absent."""
        value = self.config.get(name)
        if value is None or isinstance(value, list):
            return value
        self.refuse(name, f"expected a list, got {str(value)[:40]!r}")
        return None

    def per_layer(self, name: str, layers: int) -> list[Any] | None:
        """Return a list field that must have one item a layer."""
        value = self.items(name)
        if value is not None and len(value) != layers:
            self.refuse(name, f"has {len(value)} items for {layers} layers")
            return None
        return value

    def _whole(self, name: str, value: object) -> int:
        """Check one value to be a whole number within reason."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(value, float) and value.is_integer():
            whole = True
        most = _MOST_CONTEXT if name in _CONTEXTS else _MOST
        if not whole or not 0 <= value <= most:  # type: ignore[operator]
            self.refuse(name, f"expected a whole number up to {most}, got {str(value)[:40]!r}")
            return _PLACEHOLDER
        return int(value)  # type: ignore[call-overload, no-any-return]
