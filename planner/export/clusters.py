"""What exports of pools have in common: pool after pool, cluster after cluster, and a word where there is nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from planner.export.files import File
from planner.export.view import Served, View


def files_of_pools(view: View, make: Callable[[Served, str], Iterable[File]]) -> list[File]:
    """Return the files of all pools, and note that they stand in several clusters.

    Parameters
    ----------
    view : the plan
    make : returns the files of a pool, whose names begin with the name given to it
    """
    note_clusters(view)
    return [
        file for cluster, pools in view.clusters.items() for served in pools for file in make(served, f"{cluster}.{served.label}")
    ]


def nothing(name: str) -> tuple[File, ...]:
    """Return the one file of an export without anything to run."""
    return (File(name, notes=("No pool of the plan runs on an engine that can be started.",)),)


def note_clusters(view: View) -> None:
    """Note that pools stand in several clusters."""
    if len(view.clusters) > 1:
        named = "; ".join(f"{cluster}: {', '.join(one.pool.name for one in pools)}" for cluster, pools in view.clusters.items())
        view.notes.add(f"pools stand in several clusters ({named}): write files with -o and apply each where it belongs")
