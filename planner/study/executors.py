"""Where solves run: one after the other, in processes of this machine, or on a cluster. What comes of them is the same."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, cast

from planner.errors import WorkerLost

Work = Callable[[Any], Any]
Done = Iterator[tuple[int, Any]]


class Executor(Protocol):
    """Does the same work on many tasks."""

    def run(self, work: Work, tasks: Sequence[Any]) -> Done:
        """Yield (index of a task, what came of it), in whatever order they are done."""
        ...


@dataclass(frozen=True)
class Serial:
    """One after the other, in this process."""

    def run(self, work: Work, tasks: Sequence[Any]) -> Done:
        """Yield in the order of the tasks."""
        for index, task in enumerate(tasks):
            yield index, work(task)


@dataclass(frozen=True)
class Processes:
    """In processes started afresh, one task at a time each.

    Each has its own pipe: a worker that dies closes it and is noticed, and if this process dies, workers read its end and leave.
    """

    workers: int
    """Processes."""

    def run(self, work: Work, tasks: Sequence[Any]) -> Done:
        """Yield as they are done."""
        count = min(self.workers, len(tasks))
        if len(tasks) == 1:  # a process takes longer to start than most problems take to solve
            yield 0, work(tasks[0])
            return
        context = get_context("spawn")
        waiting = deque(enumerate(tasks))
        busy: dict[Any, int] = {}
        started = []
        try:
            for _ in range(count):
                here, there = context.Pipe()
                process = context.Process(target=_serve, args=(there,), daemon=True)
                process.start()
                there.close()
                started.append((process, here))
            for _, pipe in started:
                pipe.send(work)
                busy[pipe] = _hand_out(pipe, waiting)
            while busy:
                for ready in wait(list(busy)):
                    pipe = cast("Connection", ready)
                    yield busy.pop(pipe), _answer(pipe)
                    if waiting:
                        busy[pipe] = _hand_out(pipe, waiting)
        finally:
            for process, pipe in started:
                pipe.close()
                if busy:
                    process.terminate()
            for process, _ in started:
                process.join()


def _hand_out(pipe: Connection, waiting: deque[tuple[int, Any]]) -> int:
    """Send a worker the next task, and return its index."""
    index, task = waiting.popleft()
    try:
        pipe.send(task)
    except (BrokenPipeError, ConnectionError):
        raise _lost() from None
    return index


def _answer(pipe: Connection) -> Any:
    """Return what a worker found; a bug there is one here."""
    try:
        good, answer = pipe.recv()
    except (EOFError, ConnectionError):
        raise _lost() from None
    if not good:
        raise answer
    return answer


def _lost() -> WorkerLost:
    return WorkerLost("a process that solved ended without an answer, mostly for want of memory; try fewer --workers")


def _serve(pipe: Connection) -> None:
    """Work on tasks until the pipe ends; interrupts are the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        work = pipe.recv()
        while True:
            task = pipe.recv()
            try:
                answer = True, work(task)
            except Exception as error:  # noqa: BLE001 - whatever it is, the parent raises it
                answer = False, error
            pipe.send(answer)
    except (EOFError, BrokenPipeError, ConnectionError):
        return
