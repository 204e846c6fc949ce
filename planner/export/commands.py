"""Engine commands: a script a pool, to be run on each of its machines."""

from __future__ import annotations

from collections.abc import Callable

from planner.export import sglang, trtllm, vllm
from planner.export.files import Export, File, to_yaml
from planner.export.settings import Flag, Rank, Settings, quoted
from planner.export.view import Notes, Served, View, note_variant

BUILDERS: dict[str, Callable[[Served, Notes, Rank], Settings]] = {
    "vllm": vllm.settings,
    "sglang": sglang.settings,
    "trtllm": trtllm.settings,
}
"""Engine → what it is started with."""

CONTINUED = " \\"
"""Ends a line of a shell command that goes on."""

SHELL = Rank(index="$NODE_RANK", leader="$LEADER_ADDRESS")
"""A machine among several, in the variables of the scripts."""


def settings_of(served: Served, notes: Notes, rank: Rank) -> Settings:
    """Return what a pool's server is started with."""
    return BUILDERS[served.pool.deployment.engine](served, notes, rank)


def engine_commands(view: View, engine: str) -> Export:
    """Return the commands of the pools that run on an engine.

    Parameters
    ----------
    view : the plan
    engine : vllm, sglang or trtllm

    Returns
    -------
    Export
        A script a pool, and a file of options where the engine needs one.
    """
    mine = [served for served in view.pools if served.pool.deployment.engine == engine]
    for served in view.pools:
        if served not in mine:
            other = served.pool.deployment.engine
            view.notes.add(f"{served.pool.name} runs on {other}: planner export {other}")
    if not mine:
        view.notes.add(f"no pool of this plan runs on {engine}")
    files = tuple(file for served in mine for file in _files(served, view.notes))
    return Export(engine, files or (File(f"{engine}.sh", text=_script(["# No pool runs on this engine."])),), view.notes.lines)


def _files(served: Served, notes: Notes) -> list[File]:
    """Return the script of a pool, and its options."""
    settings, name = settings_of(served, notes, SHELL), served.label
    note_variant(served, notes)
    options = f"{name}.options.yaml"
    files = [File(f"{name}.sh", text=_script(_lines(settings, options)), notes=about(served))]
    if settings.config is not None:
        files.append(File(options, text=to_yaml(settings.config), notes=about(served)))
    return files


def about(served: Served) -> tuple[str, ...]:
    """Say in comments what a pool is."""
    pool, runs, layout = served.pool, served.pool.deployment, served.pool.deployment.layout
    spread = f"tp {layout.tp}, pp {layout.pp}, dp {layout.dp}, ep {layout.ep}"
    place = f"{served.nodes} × {pool.instance}" if served.nodes > 1 else pool.instance
    each = f"each on {served.gpus} × {runs.accelerator} of {place} in {pool.region}"
    return (
        f"{pool.name}: {runs.model} {runs.precision}, {runs.kv_precision}, {spread}, {runs.engine} {runs.engine_version}",
        f"{count(served.load.replicas, 'replica')} in {served.load.period!r}, {each}",
    )


def count(number: int, what: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count(1, "replica"), count(0, "replica")
    ('1 replica', '0 replicas')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def _script(lines: list[str]) -> str:
    return "\n".join(["#!/usr/bin/env bash", "set -euo pipefail", *lines, ""])


def _lines(settings: Settings, options: str) -> list[str]:
    """Return a script's body: one command, or two where several machines share the work."""
    path = f'$(dirname "$0")/{options}'
    if settings.spread is None:
        return _command(settings, (), path)
    return [
        ': "${NODE_RANK:?number of this machine among those of its replica, 0 for the leader}"',
        ': "${LEADER_ADDRESS:?address of machine 0}"',
        'if [ "$NODE_RANK" -eq 0 ]; then',
        *(f"  {line}" for line in _command(settings, settings.spread.leader, path)),
        "fi",
        *_command(settings, settings.spread.worker, path),
    ]


def _command(settings: Settings, more: tuple[Flag, ...], path: str) -> list[str]:
    """Return a command over several lines, a flag with its value on each."""
    words = settings.argv(*more, config_path=path)
    rows: list[list[str]] = [["exec"]]
    for word, text in zip(words, _quoted(words), strict=True):
        if word.startswith("--"):
            rows.append([])
        rows[-1].append(text)
    lines = [f"{'  ' if at else ''}{' '.join(row)}" for at, row in enumerate(rows)]
    return [*(line + CONTINUED for line in lines[:-1]), lines[-1]]


def quoted_command(words: list[str]) -> str:
    """Return a command on one line, as a shell reads it, variables filled in."""
    return " ".join(_quoted(words))


def _quoted(words: list[str]) -> list[str]:
    """Quote words, those that hold variables so that the shell fills them in."""
    return [f'"{word}"' if word.startswith("$") else text for word, text in zip(words, quoted(words), strict=True)]
