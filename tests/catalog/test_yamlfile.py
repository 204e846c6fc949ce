import os
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.problem import undotted
from planner.catalog.yamlfile import Document, dotted, parse, read
from planner.errors import InvalidInput


def data(text: str) -> object:
    return parse(text, "f").data


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),  # the Norway problem: YAML 1.1 reads False
        ("on", "on"),
        ("12:30", "12:30"),  # YAML 1.1 reads 750
        ("2025-01-01", "2025-01-01"),  # YAML 1.1 reads a date
        ("010", 10),  # YAML 1.1 reads 8
        ("1e3", 1000.0),  # YAML 1.1 reads a string
        ("1_000", "1_000"),
        ("0x10", 16),
        ("0o17", 15),
        ("-1.5e-3", -0.0015),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("true", True),
        ("Null", None),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ("- ", [None]),
        ("-", [None]),
        ("$40k/month", "$40k/month"),
    ],
)
def test_scalars_follow_the_core_schema(written: str, meant: object) -> None:
    value = data(f"a:\n  {written}\n")["a"]
    assert value == meant
    assert type(value) is type(meant)


def test_keys_are_names() -> None:
    assert data("1: a\nno: b\n2025-01-01: c\n") == {"1": "a", "no": "b", "2025-01-01": "c"}


def test_lines_of_keys_items_and_aliases() -> None:
    document = parse("a: 1\nb:\n  - x\n  - c: &q {d: 2}\n    e: 3\nf: *q\n", "f")
    lines = {("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c", "d"): 4, ("b", 1, "e"): 5, ("f",): 6}
    assert {path: document.line(path) for path in lines} == lines
    assert document.line(("b", 1, "missing", "deep")) == 4  # the nearest ancestor
    assert document.data["f"] == {"d": 2}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is given twice"),
        ("a:\n  b: !!python/object/apply:os.system [ls]\n", 2, "tags"),
        ("a: !custom 1\n", 1, "tags"),
        ("a: &x [*x]\n", 1, "refers to itself"),
        ("a: *nowhere\n", 1, "alias"),
        ("a: 1\n---\nb: 2\n", 2, "several YAML documents"),
        ("a: {b: 1\nc: 2\n", 2, "not valid YAML"),
        ("a:\n\tb: 1\n", 2, "not valid YAML"),
        ("a: 'open\n", 2, "not valid YAML"),
        ("? [1, 2]\n: 3\n", 1, "plain text"),
        ("base: &b {x: 1}\nc:\n  <<: *b\n", 3, "merge keys"),
        ("a: 1\nb: \x07\n", 2, "not valid YAML"),
        ("a: " + "9" * 60 + "\n", 1, "digits"),
        ("", 1, "empty"),
        ("# only a comment\n", 1, "empty"),
    ],
)
def test_refuses_with_the_line(text: str, line: int, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        data(text)
    (issue,) = caught.value.issues
    assert issue.line == line
    assert words in issue.message
    assert issue.remedy


def test_tells_all_duplicates_and_tags_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        data("a: 1\na: 2\nb: !x 3\nc: {d: 1, d: 2}\n")
    assert [issue.line for issue in caught.value.issues] == [2, 3, 4]


def test_alias_bomb_is_refused_fast() -> None:
    # Nine levels of ten aliases unfold to 10⁹ values.
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    start = time.perf_counter()
    with pytest.raises(InvalidInput, match="unfolds to more than"):
        data("\n".join(rows))
    assert time.perf_counter() - start < 2


def test_many_aliases_and_deep_nesting_are_refused() -> None:
    with pytest.raises(InvalidInput, match="aliases"):
        data("a: &a 1\nb: [" + "*a, " * 2000 + "]\n")
    for deep in ("[" * 100_000, "- " * 5_000, "{a: " * 50_000):
        with pytest.raises(InvalidInput, match="nested more than"):
            data(deep)


def test_size_is_checked_before_reading(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as stream:
        stream.truncate(100_000_000)  # sparse: takes no space
    start = time.perf_counter()
    with pytest.raises(InvalidInput, match="100,000,000 bytes"):
        read(huge)
    assert time.perf_counter() - start < 0.5


def test_refuses_what_is_not_a_text_file(tmp_path: Path) -> None:
    cases = {"directory": tmp_path, "no such file": tmp_path / "absent.yaml", "not a regular file": Path("/dev/null")}
    (tmp_path / "latin.yaml").write_bytes("a: 1\nb: é\n".encode("latin-1"))
    (tmp_path / "binary.yaml").write_bytes(b"a: 1\nb: \0\0\n")
    cases |= {"not UTF-8": tmp_path / "latin.yaml", "binary": tmp_path / "binary.yaml"}
    for words, path in cases.items():
        with pytest.raises(InvalidInput, match=words):
            read(path)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read("a\0b")


def test_names_the_line_of_undecodable_bytes(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("a: 1\nb: é\n".encode("latin-1"))
    with pytest.raises(InvalidInput) as caught:
        read(path)
    assert caught.value.issues[0].line == 2


def test_pipes_are_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    with pytest.raises(InvalidInput, match="not a regular file"):
        read(pipe)


def test_suggests_a_file_of_a_similar_name(tmp_path: Path) -> None:
    (tmp_path / "problem.yaml").write_text("a: 1\n")
    with pytest.raises(InvalidInput, match=r"did you mean .*problem\.yaml"):
        read(tmp_path / "probelm.yaml")


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read(path).data == {"a": 1}


def test_digest_is_of_the_text() -> None:
    assert parse("a: 1\n", "x").digest == parse("a: 1\n", "y").digest != parse("a: 2\n", "x").digest


_PART = st.one_of(st.integers(0, 99), st.text())


@given(st.lists(_PART, min_size=1, max_size=5).filter(lambda parts: isinstance(parts[0], str)))
def test_paths_survive_being_written(parts: list[str | int]) -> None:
    assert undotted(dotted(tuple(parts))) == tuple(parts)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        assert isinstance(parse(text, "f"), Document)
