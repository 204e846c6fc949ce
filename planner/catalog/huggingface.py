"""From a Hugging Face config.json to a catalog entry, with parameter counts derived and not copied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from planner.catalog import parameters
from planner.catalog.hf_families import ALIASES, FAMILIES, GENERIC, UNMODELLED, Family
from planner.catalog.hf_layers import Anatomy
from planner.catalog.hf_layouts import anatomy
from planner.catalog.hf_precision import native_precision
from planner.catalog.hf_reader import Reader, flatten
from planner.catalog.model_yaml import to_yaml
from planner.domain.llm import Model, Parameters
from planner.errors import InvalidInput

__all__ = ["MAX_BYTES", "import_config", "import_file", "to_yaml"]

MAX_BYTES = 4_000_000
"""Largest config.json read; released ones are under 200 kB."""

_SEPARATE = "hf_quant_config.json"
_CONTEXT = ("max_position_embeddings", "seq_length", "n_positions", "max_seq_len")
_GENERIC_FIELDS = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "tie_word_embeddings",
)


def import_config(config: Mapping[str, Any], model_id: str, **facts: Any) -> Model:
    """Turn a config into a model entry.

    Parameters
    ----------
    config : mapping
        Contents of config.json; a multimodal config's language model is taken.
    model_id : str
        Hugging Face id, used as the catalog name and in messages.
    **facts
        Fields of `Model` that no config holds (licence, scores, source …); they replace what was derived.

    Returns
    -------
    Model
        With parameter counts derived from the shape.

    Raises
    ------
    InvalidInput
        With every missing or malformed field, or the mechanism this planner does not count.

    Notes
    -----
    Counts leave out vision and audio towers, multi-token-prediction blocks and quantization scales.
    An unknown `model_type` is counted as a plain decoder if every field that needs is there; the note says so.
    """
    fields = flatten(config)
    model_type = fields.get("model_type")
    kind = ALIASES.get(str(model_type), str(model_type))
    family = FAMILIES.get(kind, GENERIC)
    reader = Reader(fields, model_id, family.defaults)
    _refuse_unmodelled(reader, family, kind)
    reader.check()
    try:
        derived = _derive(reader, family, anatomy(reader, family), kind)
        reader.check()
        stamp = {"source": f"config.json of {model_id}", "as_of": datetime.now(UTC).date().isoformat()}
        return Model.model_validate({**derived, **stamp, **facts})
    except ValidationError as error:
        reader.check()
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        message = f"{error.title}: {first['msg']}, got {str(first['input'])[:40]!r}"
        raise InvalidInput.at(model_id, message, "check the fields of config.json this follows from", path=path) from None


def _refuse_unmodelled(reader: Reader, family: Family, kind: str) -> None:
    """Note mechanisms that cannot be counted, and the fields an unknown type must state itself."""
    for name, mechanism in UNMODELLED.items():
        if reader.config.get(name):
            reader.refuse(name, f"{mechanism} is not modelled", "write the model entry by hand, from the authors' own counts")
    if family is not GENERIC:
        return
    for name in _GENERIC_FIELDS:
        if not reader.has(name):
            message = f"model_type {kind[:40]!r} is not known, and to count it as a plain decoder field {name} is needed"
            reader.refuse(name, message, f"add {name} to the config, or use one of: {', '.join(sorted(FAMILIES))}")


def _derive(reader: Reader, family: Family, made: Anatomy, kind: str) -> dict[str, Any]:
    """Collect the fields of the entry."""
    vocabulary = reader.positive("vocab_size")
    return {
        "family": _family_name(family, kind),
        "role": "embed" if _headless(reader) else "generate",
        "hidden": made.hidden,
        "layers": made.layers,
        "vocabulary": vocabulary,
        "attention": made.attention,
        "linear_attention": made.linear,
        "experts": made.experts,
        "parameters": _counts(reader, family, made, vocabulary),
        "max_context": reader.positive(*_CONTEXT),
        "native_precision": native_precision(reader),
        "note": _note(reader, family, kind),
    }


def _family_name(family: Family, kind: str) -> str:
    """Name the family, by its raw type if unknown."""
    return kind if family is GENERIC else family.name


def _headless(reader: Reader) -> bool:
    """Tell whether the checkpoint's class is a bare body without a language-model head, as embedding models are."""
    return any(str(name).endswith("Model") and "LMHead" not in str(name) for name in reader.items("architectures") or [])


def _counts(reader: Reader, family: Family, made: Anatomy, vocabulary: int) -> Parameters:
    """Count weights by kind."""
    table = vocabulary * made.hidden
    bare = family.layout == "encoder" or _headless(reader)
    tied = reader.flag("tie_word_embeddings", default=family.tied) and not bare
    bias = vocabulary if reader.flag("lm_head_bias", default=False) else 0
    return parameters.count(made.blocks, embedding=table, head=0.0 if bare else table + bias, tied=tied, extra=made.extra)


def _note(reader: Reader, family: Family, kind: str) -> str:
    """Say what rests on a default or a fallback."""
    parts = []
    if family is GENERIC:
        parts.append(f"model_type {kind[:40]!r} is not known: counted as a plain decoder; check against the published total")
    if reader.assumed:
        parts.append(f"defaults of the {family.name} config class used for {', '.join(dict.fromkeys(reader.assumed))}")
    if reader.text("dtype" if reader.has("dtype") else "torch_dtype") == "float32":
        parts.append("published in float32, served in fp16")
    return "; ".join(parts)


def import_file(path: str | Path, model_id: str | None = None) -> tuple[str, Model]:
    """Read a config.json and return the catalog name and the model entry.

    Parameters
    ----------
    path : str or Path
        The file.
    model_id : str, optional
        Hugging Face id; absent, the config's `_name_or_path` or the name of the folder.

    Returns
    -------
    (str, Model)
        Name and entry.

    Notes
    -----
    A `hf_quant_config.json` beside the file is read too: NVIDIA's checkpoints state their format there.

    Raises
    ------
    InvalidInput
        If the path is no readable file, too large, not JSON, no object, or not a countable model.
    """
    file = Path(path)
    config = _with_quantization(_load(file), file.with_name(_SEPARATE))
    name = model_id or config.get("_name_or_path") or file.resolve().parent.name
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput.at(str(file), "the model has no name", "give its Hugging Face id")
    return name, import_config(config, name, source=f"config.json of {name}, read from {file.name}")


def _with_quantization(config: dict[str, Any], separate: Path) -> dict[str, Any]:
    """Add the quantization that Model Optimizer checkpoints keep in a file of its own."""
    if config.get("quantization_config") is not None or not separate.is_file():
        return config
    quantization = _load(separate).get("quantization")
    return {**config, "quantization_config": quantization} if quantization else config


def _load(file: Path) -> dict[str, Any]:
    """Parse a file as a JSON object."""
    name = str(file)
    if file.is_dir():
        raise InvalidInput.at(name, "is a directory", "name the config.json inside it")
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise InvalidInput.at(
                name, f"is {size} bytes, more than the {MAX_BYTES} a config.json may have", "name a config.json"
            )
        config = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput.at(name, f"cannot be read: {error.strerror}", "check the path and its permissions") from None
    except RecursionError:
        raise InvalidInput.at(name, "is nested too deeply for a config", "name a config.json") from None
    except ValueError as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 0
        raise InvalidInput.at(name, f"is not JSON: {error}", "name a config.json in JSON", line=line) from None
    if not isinstance(config, dict):
        raise InvalidInput.at(name, "holds no JSON object", "name a config.json")
    return config
