"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from planner.errors import InvalidInput

_ELSEWHERE = "name another place, or change its permissions"


def check_folder(folder: Path, names: tuple[str, ...] = ()) -> None:
    """Make sure that files can be written to a folder, which may not exist yet; nothing is left behind.

    Raises
    ------
    InvalidInput
        If the folder is a file, cannot be made or cannot be written to, or one of `names` in it is a folder.
    """
    place = _nearest_existing(folder)
    try:
        if not place.is_dir():
            raise InvalidInput.at(str(folder), f"cannot write here: {place} is not a directory", _ELSEWHERE)
        for name in names:
            if (folder / name).is_dir():
                raise InvalidInput.at(
                    str(folder / name), "cannot write here: this is a directory", "move it away, or name another folder"
                )
        with tempfile.NamedTemporaryFile(dir=place, prefix=".planner-"):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from None


def write_all(folder: Path, contents: Mapping[str, str | bytes]) -> list[Path]:
    """Write several files into a folder, all or none.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    contents : mapping
        File name → text, written in UTF-8, or bytes.

    Returns
    -------
    list of Path
        The files written.

    Notes
    -----
    Every file is first written in full under a temporary name on the same file system. Only then are they renamed; if a
    rename fails, those done before are undone.
    """
    try:
        with ExitStack() as undo:
            for missing in [place for place in (*reversed(folder.parents), folder) if not place.exists()]:
                missing.mkdir()
                undo.callback(missing.rmdir)
            ready = [(_temporary(folder, content, undo), folder / name) for name, content in contents.items()]
            for temporary, target in ready:
                before = target.read_bytes() if target.is_file() else None
                temporary.replace(target)
                undo.callback(_restore, target, before)
            undo.pop_all()
    except OSError as error:
        raise _unwritable(folder, error) from None
    return [target for _, target in ready]


def write(path: Path, content: str | bytes) -> None:
    """Write one file, whole or not at all; its folder must be there."""
    if path.is_dir():
        raise InvalidInput.at(str(path), "cannot write here: this is a directory", "name a file in it")
    if not path.parent.is_dir():
        raise InvalidInput.at(
            str(path), f"cannot write here: there is no directory {path.parent}", "make it first, or name another place"
        )
    write_all(path.parent, {path.name: content})


def _temporary(folder: Path, content: str | bytes, undo: ExitStack) -> Path:
    """Write a content under a temporary name beside its target."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".planner-")
    undo.callback(_remove, Path(name))
    with os.fdopen(handle, "wb") as stream:
        stream.write(content.encode("utf-8") if isinstance(content, str) else content)
        stream.flush()
        os.fsync(stream.fileno())
    Path(name).chmod(0o666 & ~_umask())
    return Path(name)


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _restore(target: Path, before: bytes | None) -> None:
    """Put a file back as it was."""
    if before is None:
        _remove(target)
    else:
        target.write_bytes(before)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()


def _nearest_existing(folder: Path) -> Path:
    """Return the folder, or the nearest of its parents that exists."""
    for place in (folder, *folder.absolute().parents):
        if os.path.lexists(place):
            return place
    return Path.cwd()


def _unwritable(place: Path, error: OSError) -> InvalidInput:
    return InvalidInput.at(str(place), f"cannot write here: {error.strerror or error}", _ELSEWHERE)
