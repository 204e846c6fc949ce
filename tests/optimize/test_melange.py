"""Published-format instances of GPU allocation, with the costs that the Mélange solver found (arXiv 2404.14527)."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from melange import DATA, instance

from planner.optimize.solve import solve

SMALL = ("m0_example_sf1", "r_7b_arena_tpot120_r1_sf8", "s_t04_b016_sf8_r10", "s_t16_b016_sf8_r10", "s_t04_b060_sf8_r10")


@pytest.mark.parametrize("case", SMALL)
def test_never_dearer_than_melange(case: str) -> None:
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not here")
    answers = {row["case"]: row for row in csv.DictReader(Path(DATA, "answers.csv").read_text().splitlines())}
    outcome = solve(
        instance(json.loads(Path(DATA, f"{case}.json").read_text())), gap=1e-4, time_limit=20, seed=0, progress=lambda _: None
    )
    assert outcome.termination == "optimal"
    assert outcome.objective <= float(answers[case]["melange_cost"]) * (1 + 1e-6)
    # A bucket may be split freely here, as in cont_opt.
    assert outcome.objective >= float(answers[case]["cont_opt"]) * (1 - 1e-3)
    assert outcome.bound <= float(answers[case]["cont_opt"]) * (1 + 1e-3)
