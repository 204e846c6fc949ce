"""Plans with stages and levers in the simulation: streams of long names, stages side by side, recorded calls under a lever."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
from planned import planned

from planner.cli import simulate_output
from planner.demand.trace import Trace
from planner.errors import InvalidInput
from planner.plan.basis import Basis
from planner.simulate.recording import Recording
from planner.simulate.session import run_session
from planner.simulate.wish import Wish

READ = {"source": "a paper", "as_of": "2026-01"}
SHORT = {"name": "half (v1) +x", "effects": [{"output_tokens": {"low": 0.5, "high": 0.5}}]}
CHEAP = {"models": {"allow": ["org/small"]}, "instances": {"allow": ["shop/mini-1"]}, "offers": {"allow": ["on_demand"]}}


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Basis:
    """A desk that plans before it answers, beside a chat that shortens its answers: all on one kind of machine."""
    steps = [
        {"name": "plan it", "input_tokens": {"mean": 100, "p95": 200}, "output_tokens": {"mean": 20, "p95": 40}},
        {"name": "answer", "takes": {"plan it": 1.0}},
    ]
    tpot = [{"metric": "tpot", "percentile": 95, "target": "60ms"}]
    desk = tiny.workload("help desk", "2 req/s", stages=steps, objectives=tpot)
    levers = [{"name": "short", "kind": "token_budget", "options": [SHORT], **READ}]
    chat = tiny.workload("chat", "20 req/s", levers=levers, objectives=tpot)
    return planned(tmp_path_factory.mktemp("staged"), desk, chat, choose=CHEAP)


def test_every_stage_is_simulated_under_its_own_name(staged: Basis, capsys: pytest.CaptureFixture[str]) -> None:
    seen = run_session(staged, Wish(hours=0.02), lambda _: None)
    names = {row.stream for one in seen.seen for row in one.figures() if row.calls}
    assert names == {"help desk/plan it", "help desk/answer", "chat~half (v1) +x"}
    simulate_output.render(seen)
    shown = capsys.readouterr().out
    assert "help desk/answer" in shown
    assert "~" not in shown


def test_recorded_calls_are_found_under_the_workloads_name(staged: Basis) -> None:
    times = np.linspace(0.0, 60.0, 600)
    trace = Trace("made.csv", times, np.full(600, 300.0), np.full(600, 40.0), {}, 0)
    seen = run_session(staged, Wish(hours=0.01, recording=Recording(trace, "chat")), lambda _: None)
    assert "chat pulls levers: what they do to the length of calls is not done to recorded ones" in seen.remarks
    assert any("replayed as chat~half" in remark for remark in seen.remarks)


def test_a_workload_in_stages_has_no_recorded_calls_of_its_own(staged: Basis) -> None:
    trace = Trace("made.csv", np.linspace(0.0, 60.0, 600), np.full(600, 300.0), np.full(600, 40.0), {}, 0)
    with pytest.raises(InvalidInput, match=r"pools serve .*help desk/answer"):
        run_session(staged, Wish(hours=0.01, recording=Recording(trace, "help desk")), lambda _: None)
