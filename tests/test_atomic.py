import os
import stat
from pathlib import Path

import pytest

from planner import atomic
from planner.errors import InvalidInput


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_are_written_whole_with_usual_rights(tmp_path: Path) -> None:
    written = atomic.write_all(tmp_path / "a" / "b", {"x": "1\n", "y": "é\n"})
    assert [path.read_text(encoding="utf-8") for path in written] == ["1\n", "é\n"]
    assert names(tmp_path / "a" / "b") == ["x", "y"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(written[0].stat().st_mode) == 0o666 & ~umask


def test_bytes_are_written_as_they_are_and_text_with_its_own_line_ends(tmp_path: Path) -> None:
    content = bytes(range(256)) + b"\r\n"
    atomic.write(tmp_path / "x", content)
    atomic.write(tmp_path / "y", "a\nb\r\n")
    assert (tmp_path / "x").read_bytes() == content
    assert (tmp_path / "y").read_bytes() == b"a\nb\r\n"


def test_all_or_none_when_a_rename_fails(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    (tmp_path / "z").mkdir()  # a file cannot replace a folder
    with pytest.raises(InvalidInput, match="cannot write here"):
        atomic.write_all(tmp_path, {"x": "new", "y": "new", "z": "new"})
    assert names(tmp_path) == ["x", "z"]
    assert (tmp_path / "x").read_text() == "old"


def test_a_folder_made_in_vain_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(InvalidInput, match="No space left"):
        atomic.write_all(tmp_path / "new" / "deep", {"x": "1"})
    assert names(tmp_path) == []


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    atomic.check_folder(tmp_path / "a" / "b", ("x",))
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["file", "file/inside", "file/deep/inside"])
def test_a_file_is_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot write here"):
        atomic.check_folder(tmp_path / name)


def test_what_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot write here"):
        atomic.check_folder(Path("/proc/planner-test"))
    with pytest.raises(InvalidInput, match="directory"):
        atomic.write(tmp_path, "x")
    with pytest.raises(InvalidInput, match="no directory"):
        atomic.write(tmp_path / "none" / "x", "x")
