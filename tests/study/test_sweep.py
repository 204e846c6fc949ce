"""Sweeps: the same results wherever they are solved, and none lost or repeated, however they end."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.errors import Interrupted, InvalidInput, WorkerLost
from planner.pipeline import quietly
from planner.study.clusters import Cluster, executor
from planner.study.executors import Processes, Serial, Work
from planner.study.journal import opened
from planner.study.overrides import Override
from planner.study.sweep import Course, sweep
from planner.study.variant import Variant

RATES = ("1 req/s", "4 req/s", "40 req/s", "4 req/s", "2000 req/s")


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedProblem:
    return tiny.load(tmp_path, tiny.problem(limits={"max_gpus": 8}))


def variants(rates: Sequence[str] = RATES) -> list[Variant]:
    return [Variant(f"v{i}", (Override("workloads.chat.demand.rate", rate),)) for i, rate in enumerate(rates)]


class Counting:
    """Solves, and counts how often; stops at a number."""

    def __init__(self, stop: int = 1000) -> None:
        self.solved: list[str] = []
        self.stop = stop

    def __call__(self, loaded: LoadedProblem) -> Plan:
        if len(self.solved) == self.stop:
            raise KeyboardInterrupt
        self.solved.append(loaded.digest)
        return quietly(loaded)


def test_rows_are_in_order_and_alike_ones_are_solved_once(loaded: LoadedProblem) -> None:
    solve = Counting()
    rows = sweep(loaded, variants(), Course(solve))
    assert [row.variant.name for row in rows] == ["v0", "v1", "v2", "v3", "v4"]
    assert len(solve.solved) == 4
    assert rows[1].result == rows[3].result
    assert rows[1].result.cost == quietly(loaded).cost.total
    assert [row.result.status for row in rows] == ["optimal", "optimal", "optimal", "optimal", "infeasible"]
    assert rows[4].result.message


@pytest.mark.parametrize("where", ["processes", "ray", "dask"])
@pytest.mark.filterwarnings("default")
def test_results_are_the_same_wherever_they_are_solved(loaded: LoadedProblem, where: str) -> None:
    if where != "processes" and (importlib.util.find_spec({"dask": "distributed"}.get(where, where)) is None):
        pytest.skip(f"{where} is an extra")
    cluster: Cluster | None = None if where == "processes" else where  # type: ignore[assignment]
    alone = sweep(loaded, variants(), Course(quietly))
    assert sweep(loaded, variants(), Course(quietly, executor(2, cluster))) == alone


def test_a_missing_cluster_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InvalidInput, match=r"pip install 'inference-planner\[ray\]'"):
        executor(2, "ray")


def test_mistakes_are_told_before_anything_is_solved(loaded: LoadedProblem, tmp_path: Path) -> None:
    solve = Counting()
    wrong = [*variants(), *(Variant(f"w{i}", (Override("limits.budget", 40),)) for i in range(3))]
    with pytest.raises(InvalidInput) as told:
        sweep(loaded, wrong, Course(solve, journal=tmp_path / "j"))
    assert [issue.path for issue in told.value.issues] == ["limits.budget"]
    assert solve.solved == []


def test_an_interrupted_sweep_goes_on(loaded: LoadedProblem, tmp_path: Path) -> None:
    whole = sweep(loaded, variants(), Course(quietly))
    journal, first, second, third = tmp_path / "j", Counting(stop=2), Counting(), Counting(stop=0)
    with pytest.raises(Interrupted, match="2 of 4 are solved and kept"):
        sweep(loaded, variants(), Course(first, journal=journal))
    said: list[str] = []
    assert sweep(loaded, variants(), Course(second, journal=journal, progress=said.append)) == whole
    assert said[0] == "2 of 4 were solved before"
    assert said[-1] == "4 of 4 solved"
    assert not set(first.solved) & set(second.solved)
    assert sweep(loaded, variants(), Course(third, journal=journal)) == whole


@pytest.mark.parametrize("cut", [1, 3, 200])
def test_a_torn_last_line_is_solved_again(loaded: LoadedProblem, tmp_path: Path, cut: int) -> None:
    journal, solve = tmp_path / "j", Counting()
    whole = sweep(loaded, variants(), Course(quietly, journal=journal))
    content = journal.read_bytes()
    journal.write_bytes(content[:-cut])
    assert sweep(loaded, variants(), Course(solve, journal=journal)) == whole
    assert len(solve.solved) == 1
    assert len(journal.read_bytes().splitlines()) == 5


def test_a_torn_head_is_begun_again(loaded: LoadedProblem, tmp_path: Path) -> None:
    journal = tmp_path / "j"
    journal.write_bytes(b'{"journal": "pla')
    assert len(sweep(loaded, variants(RATES[:1]), Course(quietly, journal=journal))) == 1


@pytest.mark.parametrize(
    ("content", "said"), [("name,cost\n", "no journal"), ('{"journal": "planner-sweep/v1"}\nx\n', "damaged")]
)
def test_other_files_are_left_alone(loaded: LoadedProblem, tmp_path: Path, content: str, said: str) -> None:
    journal = tmp_path / "j"
    journal.write_text(content)
    with pytest.raises(InvalidInput, match=said):
        sweep(loaded, variants(), Course(Counting(0), journal=journal))
    assert journal.read_text() == content


def test_a_journal_is_written_to_by_one_sweep_at_a_time(loaded: LoadedProblem, tmp_path: Path) -> None:
    journal, solve = tmp_path / "j", Counting()
    with opened(journal):
        with pytest.raises(InvalidInput, match="another sweep is writing to this journal") as told:
            sweep(loaded, variants(RATES[:1]), Course(solve, journal=journal))
        assert told.value.issues[0].file == str(journal)
        assert "another file with --journal" in told.value.issues[0].remedy
        assert solve.solved == []
    assert len(sweep(loaded, variants(RATES[:1]), Course(solve, journal=journal))) == len(solve.solved) == 1


def test_another_problem_takes_nothing_from_a_journal(loaded: LoadedProblem, tmp_path: Path) -> None:
    journal = tmp_path / "j"
    sweep(loaded, variants(RATES[:1]), Course(quietly, journal=journal))
    other = tiny.load(tmp_path, tiny.problem(limits={"max_gpus": 7}))
    for one in (other, replace(loaded, catalog=loaded.catalog.model_copy(update={"digest": "other"}))):
        solve = Counting()
        sweep(one, variants(RATES[:1]), Course(solve, journal=journal))
        assert len(solve.solved) == 1


class Dying:
    """Ends its process."""

    def __call__(self, task: int) -> int:
        if task == 1:
            os._exit(9)
        return task


class Wrong:
    """Has a bug."""

    def __call__(self, task: int) -> int:
        raise ZeroDivisionError(task)


@pytest.mark.parametrize(("work", "error"), [(Dying(), WorkerLost), (Wrong(), ZeroDivisionError)])
def test_a_worker_that_ends_is_noticed(work: Work, error: type[Exception]) -> None:
    with pytest.raises(error):
        list(Processes(1).run(work, [0, 1, 2]))


def test_nothing_to_do_is_done_at_once() -> None:
    assert list(Serial().run(Wrong(), [])) == list(Processes(2).run(Wrong(), [])) == []


SCRIPT = """
import sys
from pathlib import Path
from planner.catalog.problem import load_problem
from planner.pipeline import quietly
from planner.study.executors import Processes
from planner.study.journal import opened
from planner.study.overrides import Override
from planner.study.sweep import Course, sweep
from planner.study.variant import Variant

if __name__ == "__main__":
    made = [Variant(str(i), (Override("workloads.chat.demand.rate", f"{4 + i} req/s"),)) for i in range(14)]
    sweep(load_problem(sys.argv[1]), made, Course(quietly, Processes(2), Path(sys.argv[2])))
"""


def _lines(journal: Path) -> list[dict[str, Any]]:
    content = journal.read_bytes() if journal.exists() else b""
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()[1:]]


@pytest.fixture
def killed(loaded: LoadedProblem, tmp_path: Path) -> Path:
    """The journal of a sweep of 14 that was killed at once when it had solved some."""
    script, journal = tmp_path / "script.py", tmp_path / "j"
    script.write_text(SCRIPT)
    running = subprocess.Popen([sys.executable, str(script), loaded.document.file, str(journal)])
    until = time.monotonic() + 60.0
    while len(_lines(journal)) < 2 and time.monotonic() < until:
        time.sleep(0.005)
    running.send_signal(signal.SIGKILL)
    running.wait()
    return journal


def test_a_killed_sweep_loses_and_repeats_nothing(loaded: LoadedProblem, killed: Path) -> None:
    before = {line["key"] for line in _lines(killed)}
    assert 2 <= len(before) < 14, "killed too late"
    solve = Counting()
    rows = sweep(loaded, variants([f"{4 + i} req/s" for i in range(14)]), Course(solve, journal=killed))
    keys = [line["key"] for line in _lines(killed)]
    assert len(solve.solved) == 14 - len(before)
    assert len(keys) == len(set(keys)) == 14
    assert all(row.result.status == "optimal" for row in rows)
