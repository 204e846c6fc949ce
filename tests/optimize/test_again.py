"""What was found for the same program is found again without being looked for; for any other it is not."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from programs import random_program

from planner.optimize.again import relaxed, same, tightened
from planner.optimize.bounds import bounds
from planner.optimize.program import Program
from planner.optimize.relax import Relaxation


def asked(program: Program, seconds: float = 60.0) -> tuple[Relaxation, Relaxation, list[str]]:
    said: list[str] = []
    limit, deadline = bounds(program), time.monotonic() + seconds
    loose = relaxed(program, limit, said.append, deadline=deadline)
    return loose, tightened(program, limit, said.append, loose, deadline=deadline), said


def test_the_same_program_is_relaxed_once() -> None:
    first, again = asked(random_program(5, pools=8)), asked(random_program(5, pools=8))
    assert again[0] is first[0]
    assert again[1] is first[1]
    assert [line.split(":")[0] for line in again[2]] == ["relaxation as before", "cuts as before"]


def test_any_other_is_relaxed_anew() -> None:
    program = random_program(5, pools=8)
    first = asked(program)
    dearer = replace(program, purchases=replace(program.purchases, hourly=program.purchases.hourly * 1.01))
    assert asked(dearer)[0] is not first[0]
    assert asked(program)[0] is not first[0]  # one is kept


def test_what_time_cut_short_is_not_kept() -> None:
    program = random_program(6, pools=8)
    assert asked(program, seconds=-1.0)[0] is not asked(program)[0]


def test_programs_are_compared_number_by_number() -> None:
    program = random_program(5, pools=8)
    assert same(program, random_program(5, pools=8))
    assert not same(program, random_program(6, pools=8))
    assert not same(program, replace(program, max_pools=(program.max_pools or 0) + 1))
    rate = program.rate.copy()
    rate[0, 0] = np.nan
    assert not same(replace(program, rate=rate), replace(program, rate=rate.copy()))
    assert not same(1, 1.0)
    assert not same((1, 2), (1, 2, 3))
