from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner.catalog import load
from planner.catalog.load import load_catalog
from planner.catalog.rows import Origin, Rows, merged
from planner.catalog.yamlfile import parse
from planner.domain.catalog import Catalog
from planner.domain.problem import CatalogUse
from planner.errors import InvalidInput, Issue

Write = Callable[..., Path]
IssuesOf = Callable[..., list[Issue]]


def tiny(write: Write, overrides: dict[str, Any] | None = None, *more: str) -> Catalog:
    files = ["tiny.yaml", *(write(text, f"more{i}.yaml").name for i, text in enumerate(more))]
    base = write("", "unused.yaml").parent
    return load_catalog(CatalogUse(builtin=False, files=tuple(files), overrides=overrides or {}), base)


def test_a_file_alone(write: Write) -> None:
    catalog = tiny(write)
    assert catalog.accelerators["big"].memory == 80e9
    assert len(catalog.digest) == 64


def test_a_partial_override_keeps_the_rest(write: Write) -> None:
    catalog = tiny(write, {"accelerators": {"big": {"memory": "70GB", "peak": {"bf16": "900TFLOP/s"}}}})
    big = catalog.accelerators["big"]
    assert (big.memory, big.bandwidth) == (70e9, 3.35e12)
    assert big.peak == {"bf16": 900e12, "fp8": 1979e12}  # nested mappings merge one level deep


def test_lists_are_replaced() -> None:
    assert merged({"a": [1], "b": {"c": {"d": 1}, "e": 2}}, {"a": [2], "b": {"c": {"f": 3}}}) == {
        "a": [2],
        "b": {"c": {"f": 3}, "e": 2},
    }


def test_later_files_win(write: Write) -> None:
    catalog = tiny(write, None, "accelerators: {big: {memory: 1GB}}", "accelerators: {big: {memory: 2GB}}")
    assert catalog.accelerators["big"].memory == 2e9


def test_digest_depends_on_rows_alone(write: Write, tmp_path: Path) -> None:
    one = tiny(write)
    same = tiny(write, {"accelerators": {"big": {"memory": "80GB"}}})
    other = tiny(write, {"accelerators": {"big": {"memory": "81GB"}}})
    assert one.digest == same.digest != other.digest


def test_a_new_row_must_be_whole(write: Write, issues_of: IssuesOf) -> None:
    issues = issues_of(tiny, write, None, "accelerators:\n  new:\n    memory: 1GB\n")
    assert all(issue.file.endswith("more0.yaml") and issue.line == 2 for issue in issues)
    assert {issue.path for issue in issues} >= {"accelerators.new.bandwidth", "accelerators.new.source"}


def test_a_wrong_override_is_blamed_on_its_own_line(write: Write, issues_of: IssuesOf) -> None:
    text = "accelerators:\n  big:\n    memry: 1GB\n    bandwidth: 3\n"
    first, second = issues_of(tiny, write, None, text)
    assert (first.line, first.path) == (3, "accelerators.big.memry")
    assert "did you mean 'memory'?" in first.remedy
    assert (second.line, second.path) == (4, "accelerators.big.bandwidth")


def test_inline_overrides_have_the_lines_of_the_problem(write: Write, issues_of: IssuesOf) -> None:
    document = parse("catalogs:\n  overrides:\n    models:\n      org/little:\n        layers: two\n", "p.yaml")
    use = CatalogUse(builtin=False, files=("tiny.yaml",), overrides=document.data["catalogs"]["overrides"])
    (issue,) = issues_of(load_catalog, use, write("", "x.yaml").parent, document)
    assert (issue.file, issue.line, issue.path) == ("p.yaml", 5, 'catalogs.overrides.models["org/little"].layers')


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("acelerators: {a: {}}", "acelerators", "did you mean 'accelerators'?"),
        ("accelerators: [a]", "accelerators", "section"),
        ("accelerators: {a: 5}", "accelerators.a", "row"),
        ("[1]", "", "mapping of sections"),
        ("digest: {a: {}}", "digest", "unknown catalog section"),
        ("instances: {shop/big-8: {accelerator: bigg}}", 'instances["shop/big-8"].accelerator', "did you mean 'big'?"),
        ("instances: {shop/big-8: {fabric: none}}", 'instances["shop/big-8"].fabric', "not in the catalog's fabrics"),
        ("instances: {shop/big-8: {network_fabric: tin}}", 'instances["shop/big-8"].network_fabric', "fabrics"),
        ("accelerators: {big: {fabric: nvlnk}}", "accelerators.big.fabric", "did you mean 'nvlink'?"),
        ("engines: {engine: {precisions: [bf16, bf61]}}", "engines.engine.precisions[1]", "did you mean 'bf16'?"),
        ("engines: {engine: {kv_precisions: [x]}}", "engines.engine.kv_precisions[0]", "known: bf16"),
        ("models: {org/little: {native_precision: fp7}}", 'models["org/little"].native_precision', "precisions"),
        ("models: {org/little: {precisions: [fp7]}}", 'models["org/little"].precisions[0]', "precisions"),
        ("benchmarks: {}\nmodels: {org/little: {scores: [{benchmark: x, score: 1, source: t, as_of: '2025'}]}}",
         'models["org/little"].scores[0].benchmark', "benchmarks"),
        ("apis: {p/m: {provider: p, model: m, open_model: org/litle, source: t, as_of: '2025'}}",
         'apis["p/m"].open_model', "did you mean 'org/little'?"),
        ("fleet: {f: {instance: shop/big, region: r, region_group: eu, count: 1, source: t, as_of: '2025'}}",
         "fleet.f.instance", "did you mean 'shop/big-8'?"),
    ],
)  # fmt: skip
def test_mistakes_in_catalogs(write: Write, issues_of: IssuesOf, text: str, path: str, words: str) -> None:
    (issue,) = issues_of(tiny, write, None, text)
    assert issue.path == path
    assert words in f"{issue.message} {issue.remedy}"
    assert issue.line >= 1


def test_mistakes_in_several_files_come_together(write: Write, issues_of: IssuesOf) -> None:
    issues = issues_of(tiny, write, None, "accelerators: {big: {memory: 1}}", "models: {org/little: {layers: 0}}")
    assert [Path(issue.file).name for issue in issues] == ["more0.yaml", "more1.yaml"]


def test_a_missing_catalog_file_is_blamed_on_the_line_that_names_it(tmp_path: Path, issues_of: IssuesOf) -> None:
    document = parse("catalogs:\n  files:\n    - gone.yaml\n", "p.yaml")
    (issue,) = issues_of(load_catalog, CatalogUse(builtin=False, files=("gone.yaml",)), tmp_path, document)
    assert (issue.file, issue.line, issue.path) == ("p.yaml", 3, "catalogs.files[0]")


def test_a_name_given_twice_among_the_builtins_is_a_mistake() -> None:
    rows = Rows()
    for name in ("one", "two"):
        document = parse("accelerators:\n  big: {}\n", name)
        rows.add(document.data, Origin(document), replace=False)
    (issue,) = rows.issues
    assert (issue.file, issue.line) == ("two", 2)
    assert "one:2" in issue.message


def test_builtin_catalogs_load_once_and_are_the_same_again() -> None:
    first = load.load_builtin()
    assert first.accelerators
    assert load.load_builtin() is first
    assert load_catalog(CatalogUse(), Path()) is first
    load.builtin_rows.cache_clear()
    load.load_builtin.cache_clear()
    again = load.load_builtin()
    assert again is not first
    assert again.digest == first.digest


def test_overriding_a_builtin_row_leaves_the_others_alone() -> None:
    builtin = load.load_builtin()
    name = next(iter(builtin.accelerators))
    changed = load_catalog(CatalogUse(overrides={"accelerators": {name: {"memory": "1GB"}}}), Path())
    assert changed.accelerators[name].memory == 1e9
    assert load.load_builtin().accelerators[name].memory != 1e9
    assert changed.digest != builtin.digest
    assert changed.instances == builtin.instances


def test_a_missing_installation_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(load.resources, "files", lambda package: tmp_path / "package")
    with pytest.raises(InvalidInput, match="install the package again"):
        load.builtin_root()
