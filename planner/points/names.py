"""From the names people write to the names of the catalogs: models, accelerators, engines, number formats.

Every distinct spelling is looked up once, whatever the number of rows.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from planner.domain.catalog import Catalog
from planner.domain.llm import Precision
from planner.points.columns import PROBLEM
from planner.points.table import Objects, Problems, distinct, shown

_NEAR = 3
_LISTED = 16
"""Names that may all be listed where none is near."""
_SEARCHES = 100
"""Unknown names of a kind for which near ones are looked for: the search is slow, and a file may hold nothing but such names."""

_FORMAT = re.compile(
    r"[-_.](fp8([-_](dynamic|block|kv))?|nvfp4|mxfp4|fp4|bf16|awq([-_]int4)?|gptq([-_]int[48])?|int[48]"
    r"|(quantized\.)?w[48]a(8|16))$"
)
_TUNED = re.compile(r"^meta-(?=llama)|-(instruct|chat|it|hf)(?=-|$)")
_MAKER = re.compile(r"^(nvidia|amd|intel|instinct|tesla|geforce)+")
_GIGABYTES = re.compile(r"[-_ ]\d+ ?gi?b\b")
_SUFFIXES = {
    "fp8": "fp8",
    "nvfp4": "nvfp4",
    "mxfp4": "mxfp4",
    "fp4": "fp4",
    "bf16": "bf16",
    "awq": "w4a16-awq",
    "gptq-int8": "w8a16-int8",
    "gptq_int8": "w8a16-int8",
    "gptq": "w4a16-gptq",
    "w8a8": "w8a8-int8",
    "w8a16": "w8a16-int8",
    "w4a16": "w4a16-gptq",
    "w4a8": "w4a8-awq",
    "int8": "w8a8-int8",
    "int4": "int4",
}
"""What the endings of re-uploads stand for; the first that occurs counts."""

_SMI = {
    "NVIDIA A10G": "a10g",
    "NVIDIA A100-PCIE-40GB": "a100-pcie-40gb",
    "NVIDIA A100 80GB PCIe": "a100-pcie-80gb",
    "NVIDIA A100-SXM4-40GB": "a100-sxm-40gb",
    "NVIDIA A100-SXM4-80GB": "a100-sxm-80gb",
    "NVIDIA RTX 6000 Ada Generation": "rtx-6000-ada",
    "NVIDIA RTX PRO 6000 Blackwell Server Edition": "rtx-pro-6000-server",
    "NVIDIA H100 80GB HBM3": "h100-sxm",
    "NVIDIA H200": "h200-sxm",
    "NVIDIA GH200 480GB": "gh200-96",
    "NVIDIA GH200 144G HBM3e": "gh200-144",
    "NVIDIA B200": "b200-sxm",
    "NVIDIA B300 SXM6 AC": "b300-sxm",
    "NVIDIA B300": "b300-sxm",
}
"""Names that `nvidia-smi -L` prints and that the catalogs' own names do not lead to. GH200's 480 GB are the host's."""

_ENGINES = {"tensorrt": "trtllm", "trt": "trtllm", "trtllmserve": "trtllm", "vllmserve": "vllm"}
_PRECISIONS = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "float8": "fp8", "awq": "w4a16-awq", "gptq": "w4a16-gptq"}
_KV = {
    "auto": "bf16",
    "bfloat16": "bf16",
    "fp16": "bf16",
    "float16": "bf16",
    "fp8_e4m3": "fp8",
    "fp8_e5m2": "fp8",
    "fp4": "nvfp4",
}
"""`auto` is what engines call the 16-bit type of the model."""
AUTO = "auto"
_NARROW = frozenset({"fp8", "fp4", "int8"})
"""Formats of multiplication of 8 and 4 bits."""

Lookup = Callable[[str], str | None]
Find = Callable[..., tuple[str, str]]


def resolve(table: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Replace the spellings of a table of points by catalog names.

    Parameters
    ----------
    table : DataFrame
        As `planner.points.table.normalize` makes it.
    catalog : Catalog
        The facts whose names are wanted.

    Returns
    -------
    DataFrame
        The same rows; a name that is not known stays as it is, and `problem` says so with what it may have meant.

    Notes
    -----
    `fp8`, `fp4` and `int4` are what measurements call a width: they stand for the format of that width in which the model is
    published, else the usual one (`fp8`, `nvfp4`, `w4a16-awq`). `auto` stands for the format that the model's name ends in,
    else the one it is published in. A blank KV format is `kv-fp8` where weights and activations have 8 or 4 bits and the
    accelerator multiplies fp8, else `kv-bf16`.
    """
    problems = Problems(table[PROBLEM].to_numpy(dtype=object))
    made = table.copy()
    _replace(made, "model", _models(catalog), _model_names(catalog), problems)
    _refuse_silent(made["model"], catalog, problems)
    _replace(made, "accelerator", _accelerators(catalog), catalog.accelerators, problems)
    _replace(made, "engine", _engines(catalog), catalog.engines, problems)
    made["precision"] = _pairwise(made, problems, "precision", (made["model"], table["model"]), partial(_precision, catalog))
    made["kv_precision"] = _pairwise(
        made, problems, "kv_precision", (made["precision"], made["accelerator"]), partial(_kv_precision, catalog)
    )
    made[PROBLEM] = problems.texts
    return made


def near(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three known names that look like `name`, the nearest first, letter case aside."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    return [by_lower[found] for found in get_close_matches(name.lower(), by_lower, n=_NEAR, cutoff=0.5)]


def _replace(table: pd.DataFrame, column: str, find: Lookup, known: Iterable[str], problems: Problems) -> None:
    """Replace one column's names; note those that nothing is known by."""
    codes, names = distinct(table[column])
    found = [find(name) if name else "" for name in names]
    unknown = [name for name, answer in zip(names, found, strict=True) if answer is None]
    helped = set(unknown[:_SEARCHES])
    said = {name: _unknown(column, name, known if name in helped else ()) for name in unknown}
    problems.add(
        np.array([answer is None for answer in found], dtype=bool)[codes],
        np.array([said.get(name, "") for name in names], dtype=object)[codes],
    )
    replaced = [name if answer is None else answer for name, answer in zip(names, found, strict=True)]
    table[column] = np.array(replaced, dtype=object)[codes]


def _unknown(column: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is not known, and what it may have meant."""
    names = list(known)
    candidates = near(name, names)
    hint = f", near: {', '.join(candidates)}" if candidates else ""
    if not candidates and 0 < len(names) <= _LISTED:
        hint = f", known: {', '.join(names)}"
    return f"{column} {shown(name)} is not in the catalogs{hint}"


def _pairwise(table: pd.DataFrame, problems: Problems, column: str, others: tuple[Any, ...], find: Find) -> Objects:
    """Return a column's names where each depends on other cells of its row; every distinct combination is looked up once."""
    keys = [cells.to_numpy(dtype=object) for cells in (table[column], *others)]
    combined = np.zeros(len(table), dtype=np.int64)
    for key in keys:
        codes, values = pd.factorize(key)
        combined = combined * max(len(values), 1) + codes
    _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
    answers = [find(*(key[row] for key in keys)) for row in first]
    found = np.array([name for name, _ in answers], dtype=object)
    wrong = np.array([sentence for _, sentence in answers], dtype=object)
    problems.add((wrong != "")[inverse], wrong[inverse])
    return found[inverse]


def _refuse_silent(models: pd.Series[Any], catalog: Catalog, problems: Problems) -> None:
    """Note models that generate nothing."""
    codes, names = distinct(models)
    roles = ["generate" if name not in catalog.models else catalog.models[name].role for name in names]
    said = [f"model {shown(name)} generates no text, its role is {role}" for name, role in zip(names, roles, strict=True)]
    silent = np.array([role != "generate" for role in roles], dtype=bool)
    problems.add(silent[codes], np.array(said, dtype=object)[codes])


def _models(catalog: Catalog) -> Lookup:
    """Return the look-up of models: as written, without organisation, without the format, without what tuning adds."""
    forms = (str.lower, _tail, _weights, _bare)
    spellings = [(name, spelling) for name, model in catalog.models.items() for spelling in (name, *model.aliases)]
    indexes: list[dict[str, set[str]]] = [defaultdict(set) for _ in forms]
    for form, index in zip(forms, indexes, strict=True):
        for name, spelling in spellings:
            index[form(spelling)].add(name)

    def find(spelling: str) -> str | None:
        for form, index in zip(forms, indexes, strict=True):
            if names := index.get(form(spelling)):
                return min(names) if len(names) == 1 else None
        return None

    return find


def _model_names(catalog: Catalog) -> list[str]:
    """Return what a model may be called, short names first: they are nearer to what people type."""
    return [alias for model in catalog.models.values() for alias in model.aliases] + list(catalog.models)


def _tail(name: str) -> str:
    return name.lower().rsplit("/", 1)[-1]


def _weights(name: str) -> str:
    """Return a model's name without the formats at its end."""
    return _FORMAT.sub("", _tail(name))


def _bare(name: str) -> str:
    return _TUNED.sub("", _weights(name))


def _accelerators(catalog: Catalog) -> Lookup:
    """Return the look-up of accelerators: separators, case, maker and a memory size that says nothing new do not count."""
    index = {_device(name): name for name in catalog.accelerators}
    for name, accelerator in catalog.accelerators.items():
        index.setdefault(_device(accelerator.name), name)
    for spelling, name in _SMI.items():
        if name in catalog.accelerators:
            index.setdefault(_device(spelling), name)
    return lambda name: index.get(_device(name)) or index.get(_device(_GIGABYTES.sub("", name.lower())))


def _device(name: str) -> str:
    return _MAKER.sub("", _squeezed(name))


def _engines(catalog: Catalog) -> Lookup:
    """Return the look-up of engines, by catalog name or the name people use."""
    index = {_squeezed(name): name for name in catalog.engines}
    for name, engine in catalog.engines.items():
        index.setdefault(_squeezed(engine.name), name)
    for spelling, name in _ENGINES.items():
        if name in catalog.engines:
            index.setdefault(spelling, name)
    return lambda name: index.get(_squeezed(name))


def _squeezed(name: str) -> str:
    """Return a name without remarks in brackets, separators and case."""
    return re.sub(r"\(.*?\)|[^a-z0-9]", "", name.lower())


def _precision(catalog: Catalog, written: str, model: str, spelling: str) -> tuple[str, str]:
    """Return the weight format that is meant, and what is wrong."""
    known = catalog.models.get(model)
    if not written or known is None:
        return written, ""
    name = _PRECISIONS.get(written.lower(), written.lower())
    if name == AUTO:
        name = _suffix_format(spelling) or known.native_precision
    name = _usual(name, known.native_precision, catalog.precisions)
    if name in catalog.precisions:
        return name, ""
    return written, _unknown("precision", written, catalog.precisions)


def _usual(width: str, native: str, precisions: Mapping[str, Precision]) -> str:
    """Return the format that a bare width stands for; any other name as it is."""
    if width == "fp8":
        row = precisions.get(native)
        return native if row is not None and row.compute == "fp8" and row.bits_per_weight >= 8.0 else width
    if width == "fp4":
        return native if native.startswith("mxfp4") else "nvfp4"
    if width == "int4":
        return native if native.startswith(("int4", "w4")) else "w4a16-awq"
    return width


def _suffix_format(spelling: str) -> str:
    """Return the format that a model's name ends in, empty if in none."""
    found = _FORMAT.search(_tail(spelling))
    return "" if found is None else next(name for start, name in _SUFFIXES.items() if start in found[1])


def _kv_precision(catalog: Catalog, written: str, precision: str, accelerator: str) -> tuple[str, str]:
    """Return the KV format that is meant, and what is wrong."""
    weights, device = catalog.precisions.get(precision), catalog.accelerators.get(accelerator)
    if not written and (weights is None or device is None):
        return written, ""
    if written:
        lowered = written.lower()
        name = _KV.get(lowered, lowered)
    else:
        narrow = weights is not None and weights.compute in _NARROW
        name = "fp8" if narrow and device is not None and "fp8" in device.peak else "bf16"
    for candidate in (f"kv-{name}", name):
        if candidate in catalog.kv_precisions:
            return candidate, ""
    return written, _unknown("kv_precision", written or f"kv-{name}", catalog.kv_precisions)
