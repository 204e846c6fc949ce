"""Several replicas: who gets a call, clients that lose patience, replicas that fail, prompts and decoding apart."""

from dataclasses import fields, replace

import numpy as np
import pytest
from engines import calls, engine, mixed, realistic, step

from planner.errors import InvalidInput
from planner.simulate.clients import Clients
from planner.simulate.cluster import Failure, simulate
from planner.simulate.disagg import Link, simulate_disaggregated
from planner.simulate.served import COLUMNS, Served, Status

BALANCERS = ("round_robin", "random", "least_loaded", "prefix_aware")


def same(one: Served, other: Served) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in COLUMNS)


@pytest.mark.parametrize("balancer", BALANCERS)
def test_same_seed_same_outcome(balancer: str) -> None:
    drawn = mixed(12.0, 40.0)
    requests = replace(drawn, group=np.arange(len(drawn)) % 7, shared=np.minimum(256, drawn.prompt - 1))
    patience = Clients(timeout=0.4, attempts=3, backoff=0.1, jitter=0.5)
    first, again = (simulate(realistic(), requests, replicas=3, balancer=balancer, seed=4, clients=patience) for _ in range(2))
    assert same(first, again)
    assert len(np.unique(first.replica)) == 3
    assert sum(first.count(status) for status in Status) == len(requests)


def test_round_robin_deals_in_turn_and_least_loaded_to_who_is_free() -> None:
    # Replica 0 is busy with a long call; the second call of each pair finds it so.
    requests = calls((0.0, 10, 50), (1.0, 10, 1), (5.0, 10, 1), (10.0, 10, 1))
    made = engine(step(host=1.0))
    assert simulate(made, requests, replicas=2).replica.tolist() == [0, 1, 0, 1]
    assert simulate(made, requests, replicas=2, balancer="least_loaded").replica.tolist() == [0, 1, 1, 1]


def test_least_loaded_takes_turns_among_equals() -> None:
    requests = calls(*[(100.0 * index, 10, 2) for index in range(6)])
    served = simulate(engine(step(host=1.0)), requests, replicas=3, balancer="least_loaded")
    assert served.replica.tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("seed", range(3))
def test_looking_at_the_load_is_no_worse_than_chance(seed: int) -> None:
    requests = mixed(30.0, 60.0, seed=seed)
    ttft = {
        name: simulate(realistic(max_sequences=64), requests, replicas=4, balancer=name, seed=seed).ttft.mean()
        for name in BALANCERS[1:3]
    }
    assert ttft["least_loaded"] <= ttft["random"]


def test_prefix_aware_sends_groups_home_unless_home_is_crowded() -> None:
    rows = [(float(index), 100, 1) for index in range(40)]
    spread = replace(calls(*rows), group=np.arange(40) % 4, shared=np.full(40, 64))
    made = engine(step(host=0.1), block_tokens=16.0)
    aware = simulate(made, spread, replicas=4, balancer="prefix_aware")
    assert aware.total("prefix_hits") == 36  # all but the first call of each of 4 groups
    assert simulate(made, spread, replicas=3, balancer="round_robin").total("prefix_hits") == 28  # 12 = 4 × 3 caches are filled
    crowd = replace(calls(*[(0.0, 100, 1)] * 40), group=np.zeros(40, int), shared=np.full(40, 64))
    assert len(np.unique(simulate(made, crowd, replicas=4, balancer="prefix_aware").replica)) == 4


def test_a_client_tries_again_and_may_succeed() -> None:
    # One slot, taken until 10. The second call gives up at 4, comes again at 4 + 1 = 5, gives up at 9, comes at 9 + 2 = 11.
    made = engine(step(host=1.0), max_sequences=1)
    patience = Clients(timeout=4.0, attempts=3, backoff=1.0, factor=2.0)
    served = simulate(made, calls((0.0, 10, 10), (0.0, 10, 1)), clients=patience)
    assert served.attempts.tolist() == [1, 3]
    assert served.ttft == pytest.approx([1.0, 12.0])


def test_a_client_gives_up_for_good() -> None:
    # As before, but the slot is taken until 30: the third try ends at 15. Patience until the last token is short for both.
    made, requests = engine(step(host=1.0), max_sequences=1), calls((0.0, 10, 30), (0.0, 10, 1))
    patience = Clients(timeout=4.0, attempts=3, backoff=1.0)
    served = simulate(made, requests, clients=patience)
    assert served.status.tolist() == [Status.DONE, Status.TIMED_OUT]
    whole = simulate(made, requests, clients=replace(patience, attempts=1, until="finish"))
    assert whole.status.tolist() == [Status.TIMED_OUT] * 2


@pytest.mark.parametrize(("cancel", "busy"), [(True, 10.9), (False, 15.9)])
def test_what_the_server_hears_of_is_not_computed(cancel: bool, busy: float) -> None:
    # The first call takes 10 tokens of prompt and 99 more of output, 0.1 s each; behind it wait 5 s of prompt, given up at 2.
    made = engine(step(flops=0.1), max_sequences=1)
    served = simulate(made, calls((0.0, 10, 100), (0.0, 50, 1)), clients=Clients(timeout=2.0, cancel=cancel))
    assert served.status.tolist() == [Status.DONE, Status.TIMED_OUT]
    assert served.total("busy") == pytest.approx(busy)


def test_what_runs_can_be_called_off() -> None:
    # The first call is given up at 5.5, within an iteration that ends at 6; the second, in its slot's queue, starts then.
    made = engine(step(host=1.0), max_sequences=1)
    served = simulate(made, calls((0.0, 10, 50), (3.0, 10, 2)), clients=Clients(timeout=5.5, until="finish"))
    assert served.status.tolist() == [Status.TIMED_OUT, Status.DONE]
    assert served.first_token[1] == pytest.approx(7.0)


def goodput(attempts: int, burst: float) -> float:
    """Return the share of calls answered in time, of those that come 100 s after a burst and later.

    The server answers 10 calls a second, in order, and does not hear of those who have left after 2 s; 8 come on average.
    """
    made = engine(step(host=0.1), max_sequences=1)
    rng = np.random.Generator(np.random.PCG64(3))
    steady, extra = rng.uniform(0, 300, 2400), rng.uniform(50, 60, int(burst))
    arrival = np.sort(np.concatenate([steady, extra]))
    requests = calls(*[(float(time), 10, 1) for time in arrival])
    patience = Clients(timeout=2.0, attempts=attempts, backoff=0.5, jitter=0.5, cancel=False)
    served = simulate(made, requests, clients=patience)
    late = requests.arrival > 160
    return float((served.status[late] == Status.DONE).mean())


def test_retries_make_a_brief_overload_last() -> None:
    # 100 more calls within 10 s: a server at 80 % works them off. If those who left come again, up to four times, the offered
    # load stays above what it can answer, and it answers those who have left.
    assert goodput(1, 0) > 0.9
    assert goodput(5, 0) > 0.9
    assert goodput(1, 100) > 0.9
    assert goodput(5, 100) < 0.5


def test_calls_of_a_failed_replica_go_to_the_others() -> None:
    # Both have one call of 1 + 9 iterations; at 5.5 the second is lost and begins anew with the first replica, at 6: 7 and 16.
    served = simulate(engine(step(host=1.0)), calls((0.0, 10, 10), (0.0, 10, 10)), replicas=2, failures=[Failure(5.5, 1)])
    assert served.finish == pytest.approx([10.0, 16.0])
    assert served.first_token == pytest.approx([1.0, 7.0])
    assert served.attempts.tolist() == [1, 2]
    assert served.replica.tolist() == [0, 0]


def test_a_failed_replica_comes_back_cold() -> None:
    # Down from 5.5 for 10 s and 4.5 s of cold start: calls at 6 and 7 wait until 20; the beginning it held is gone.
    requests = calls((0.0, 80, 1), (6.0, 80, 1), (7.0, 80, 1), (30.0, 80, 1))
    requests = replace(requests, group=np.zeros(4, int), shared=np.full(4, 50))
    served = simulate(engine(step(host=1.0)), requests, failures=[Failure(5.5, 0, back_after=10.0)], cold_start=4.5)
    # One chunk of 100 tokens takes the second's 80 and 20 of the third's: at 21 and 22.
    assert served.first_token == pytest.approx([1.0, 21.0, 22.0, 31.0])
    assert served.total("prefix_hits") == 1


@pytest.mark.parametrize("balancer", BALANCERS)
def test_every_call_survives_failures_while_a_replica_is_left(balancer: str) -> None:
    requests = mixed(10.0, 60.0)
    failures = [Failure(10.0, 0, 5.0), Failure(20.03, 1, 30.0), Failure(20.03, 2)]
    served = simulate(realistic(), requests, replicas=4, balancer=balancer, failures=failures, cold_start=3.0)
    assert served.count(Status.DONE) == len(requests)
    assert (served.attempts > 1).any()
    assert (served.ttft > 0).all()


def test_replicas_may_start_late() -> None:
    served = simulate(engine(step(host=1.0)), calls((0.0, 10, 1), (0.0, 10, 1)), replicas=2, starts=[3.0, 8.0])
    assert served.first_token == pytest.approx([4.0, 4.0])
    assert served.replica.tolist() == [0, 0]


def test_without_a_replica_calls_stay_unfinished() -> None:
    served = simulate(engine(step(host=1.0)), calls((0.0, 10, 5), (9.0, 10, 1)), failures=[Failure(2.5, 0)])
    assert served.status.tolist() == [Status.UNFINISHED] * 2
    assert served.percentile("ttft", 50) == np.inf


def test_the_horizon_ends_all() -> None:
    served = simulate(engine(step(host=1.0)), calls((0.0, 10, 3), (0.0, 10, 30), (20.0, 10, 1)), horizon=5.0)
    assert served.status.tolist() == [Status.DONE, Status.UNFINISHED, Status.UNFINISHED]


def test_prompts_and_decoding_apart() -> None:
    # Prompt 100 in one iteration of 1; the cache of 100 B moves in 0.5 + 100/200 = 1 s; decoding takes 0.25 s a token: the second
    # token at 2.25, the third at 2.5. A call of one token is done at 2, after the first's prompt.
    fast = engine(step(host=0.25))
    served = simulate_disaggregated(
        [engine(step(host=1.0))], [fast], calls((0.0, 100, 3), (0.0, 100, 1)), Link(bandwidth=200.0, latency=0.5)
    )
    assert served.first_token == pytest.approx([1.0, 2.0])
    assert served.finish == pytest.approx([2.5, 2.0])
    assert served.replica.tolist() == [1, 0]
    assert len(served.counters) == 2


def test_a_decode_replica_admits_what_fits() -> None:
    # 250 B hold two caches of 100 that grow to 110; the third waits until both end at 1 + 9·1 after their transfer.
    made = engine(step(host=1.0), kv_bytes=250.0)
    quick = engine(step(host=1e-6))
    served = simulate_disaggregated([quick], [made], calls(*[(0.0, 100, 10)] * 3), Link(bandwidth=1e12))
    assert served.finish == pytest.approx([9.0, 10.0, 18.0], abs=1.01)
    assert served.count(Status.DONE) == 3
    assert served.preemptions.sum() == 0


def test_disaggregated_calls_are_all_accounted_for() -> None:
    requests = mixed(8.0, 60.0)
    served = simulate_disaggregated(
        [realistic()] * 2, [realistic(kv_bytes=1e10)] * 2, requests, Link(bandwidth=25e9, latency=1e-3)
    )
    assert served.count(Status.DONE) == len(requests)
    assert (served.finish >= served.first_token).all()


def test_percentiles_by_hand() -> None:
    # First tokens at 1, 2, …, 10 of ten calls of which the last never ends.
    requests = calls(*[(0.0, 10, 2)] * 10)
    blank = simulate(engine(step(host=1.0)), requests)
    status = np.full(10, Status.DONE)
    status[9] = Status.TIMED_OUT
    served = replace(blank, first_token=np.arange(1.0, 11.0), finish=np.arange(2.0, 12.0), status=status)
    assert [served.percentile("ttft", p) for p in (0, 10, 50, 55, 90, 91)] == [1, 1, 5, 6, 9, np.inf]
    assert served.percentile("tpot", 50) == 1
    assert len(served.after(1.0).status) == 0
    with pytest.raises(InvalidInput, match="no calls"):
        served.percentile("ttft", 50, stream=3)
    with pytest.raises(InvalidInput, match="ttft, tpot, e2e"):
        served.percentile("latency", 50)


def test_progress_is_told_to_the_end() -> None:
    told: list[float] = []
    simulate(realistic(), mixed(5.0, 30.0), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_columns_are_those_of_served() -> None:
    assert set(COLUMNS) <= {field.name for field in fields(Served)}


def test_what_cannot_be_simulated_is_refused() -> None:
    made, requests = engine(step(host=1.0)), calls((0.0, 1, 1))
    with pytest.raises(InvalidInput, match="no balancer"):
        simulate(made, requests, balancer="best")
    with pytest.raises(InvalidInput, match="no replica"):
        simulate([], requests)
    with pytest.raises(InvalidInput, match="replica 1 of 1"):
        simulate(made, requests, failures=[Failure(1.0, 1)])
    with pytest.raises(InvalidInput, match="starts"):
        simulate(made, requests, starts=[0.0, 1.0])
    with pytest.raises(InvalidInput, match="only token"):
        simulate(made, requests, computed=True)
    with pytest.raises(InvalidInput, match="timeout"):
        Clients(timeout=0.0)
    with pytest.raises(InvalidInput, match="link"):
        Link(bandwidth=0.0)
