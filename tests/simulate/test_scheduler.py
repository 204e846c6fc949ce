"""One replica: cases timed by hand, leaps against one iteration after another, an exact queueing result."""

import math
from dataclasses import replace

import numpy as np
import pytest
from engines import calls, engine, mixed, realistic, step

from planner.errors import InvalidInput
from planner.perf.scalar import ScalarKv
from planner.simulate.cluster import simulate
from planner.simulate.engine import MIN_CHUNK, Engine, Speculation
from planner.simulate.growth import grown
from planner.simulate.prefix import PrefixCache
from planner.simulate.requests import Requests, plain
from planner.simulate.scheduler import Replica
from planner.simulate.sequence import Sequence
from planner.simulate.served import Served, Status


def test_one_call_alone() -> None:
    # τ = 1 + 0.01·N + 0.001·K. Chunks of 100, 100 and 50 tokens: 2 + 2 + 1.5, after 0.5 outside the engine. Two more tokens at
    # contexts 251 and 252: 1 + 0.01 + 0.251 and 1 + 0.01 + 0.252.
    served = simulate(engine(step(host=1.0, flops=0.01, kv=0.001), host=0.5), calls((3.0, 250, 3)))
    assert served.ttft == pytest.approx([6.0])
    assert served.tpot == pytest.approx([1.2615])
    assert served.e2e == pytest.approx([8.523])


def test_prompts_cost_their_launch_attention_and_end() -> None:
    # 150 tokens in chunks of 100 and 50: pairs 100·50 = 5000, then 50·(100 + 25) = 6250, 0.001 each.
    # An iteration costs 1 and 0.5 with prompts; the end 0.25.
    made = engine(step(host=1.0, attention=0.001, prompt_host=0.5, prompt_request=0.25))
    served = simulate(replace(made, attention=replace(made.attention, full_pair=1.0)), calls((0.0, 150, 1)))
    assert served.ttft == pytest.approx([5.0 + 1.5 + 6.25 + 1.5 + 0.25])


def test_two_calls_share_iterations() -> None:
    # τ = 1, 1.5 with prompts. A's prompt 0–1.5; A's second token with B's prompt 1.5–3, both decode 3–4.
    served = simulate(engine(step(host=1.0, prompt_host=0.5)), calls((0.0, 100, 3), (0.1, 50, 2)))
    assert served.first_token == pytest.approx([1.5, 3.0])
    assert served.finish == pytest.approx([4.0, 4.0])
    assert served.total("iterations") == 3


@pytest.mark.parametrize(("budget", "prompt", "iterations"), [(40, 78, 2), (40, 79, 3), (2, MIN_CHUNK, 1), (2, MIN_CHUNK + 1, 2)])
def test_decoding_takes_its_tokens_off_the_chunk(budget: int, prompt: int, iterations: int) -> None:
    # A decodes from 1 on; of 40 tokens 39 are left to B, of 2 none but the fewest an iteration is given.
    served = simulate(engine(step(host=1.0), chunk_tokens=budget), calls((0.0, 1, 50), (0.5, prompt, 1)))
    assert served.first_token[1] == pytest.approx(1.0 + iterations)


def test_prompts_first_stall_decoding() -> None:
    # B's prompt of two chunks runs alone 1–3; A, which had its first token at 1, has the second at 4.
    made = engine(step(host=1.0), policy="prompts first")
    served = simulate(made, calls((0.0, 10, 2), (0.5, 200, 1)))
    assert served.finish == pytest.approx([4.0, 3.0])
    chunked = simulate(replace(made, policy="chunked"), calls((0.0, 10, 2), (0.5, 200, 1)))
    assert chunked.finish[0] == pytest.approx(2.0)


def test_a_static_batch_pads_and_waits_for_its_longest() -> None:
    # τ = 1 + 0.01·N + 0.1·B. Prompts 10 and 40 padded to 80 tokens: 1.8; then 1.22 an iteration, for both, until the longer has
    # had 4. The third comes during the first iteration and starts when both have ended: 1 + 0.01·20.
    made = engine(step(host=1.0, flops=0.01, host_sequence=0.1), policy="static", contiguous=True, context=100)
    served = simulate(made, calls((0.0, 10, 2), (0.0, 40, 5), (0.1, 20, 1)))
    assert served.first_token == pytest.approx([1.8, 1.8, 1.8 + 4 * 1.22 + 1.2])
    assert served.finish[:2] == pytest.approx([1.8 + 1.22, 1.8 + 4 * 1.22])


def test_a_static_batch_is_as_large_as_its_reservations_allow() -> None:
    # 250 tokens of memory hold two contexts of 100: four calls take two batches of 1 + 1.
    made = engine(step(host=1.0), policy="static", contiguous=True, context=100, kv_bytes=250.0)
    served = simulate(made, calls(*[(0.0, 10, 2)] * 4))
    assert served.finish == pytest.approx([2.0, 2.0, 4.0, 4.0])


def test_the_youngest_gives_way_when_memory_is_full() -> None:
    # 30 tokens of memory, two calls of 10 + 10. First tokens at 1 (11 tokens each), 30 tokens at 5: B, with 5 tokens out, is put
    # back. A ends at 10; only then are 15 + 1 free again: B's 15 are computed until 11, yielding its sixth token.
    served = simulate(engine(step(host=1.0), kv_bytes=30.0), calls((0.0, 10, 10), (0.0, 10, 10)))
    assert served.first_token == pytest.approx([1.0, 1.0])
    assert served.finish == pytest.approx([10.0, 15.0])
    assert served.preemptions.tolist() == [0, 1]
    assert served.total("prompt_tokens") == 10 + 10 + 15


def test_who_gave_way_is_first_in_the_queue() -> None:
    # As before; the third comes at 2 and finds 24 + 2 of 30 tokens taken. At 5 its 5 tokens would fit, but B waits before it.
    served = simulate(engine(step(host=1.0), kv_bytes=30.0), calls((0.0, 10, 10), (0.0, 10, 10), (2.0, 5, 1)))
    assert served.preemptions.tolist() == [0, 1, 0]
    assert served.first_token[2] == pytest.approx(11.0)


def test_the_longest_unused_beginning_goes_first() -> None:
    cache = PrefixCache()
    for group in (1, 2, 3):
        kept = cache.keep(group, 16, 10.0)
        assert kept is not None
        cache.release(kept)
    used = cache.take(1)
    assert used is not None
    cache.release(used)
    assert cache.evict(5.0)
    assert (cache.bytes, cache.unused) == (20.0, 20.0)
    assert cache.take(2) is None
    assert cache.take(1) is not None
    # What is in use stays, however much is asked for.
    assert cache.evict(1e9)
    assert (cache.bytes, cache.unused) == (10.0, 0.0)
    assert not cache.evict(1e9)


def test_the_watermark_holds_calls_back() -> None:
    # 24 tokens: both prompts of 10 fit beside 2 free ones, not beside 6; the second then waits for the first to end at 2.
    for watermark, first in ((0.05, 1.0), (0.25, 3.0)):
        served = simulate(engine(step(host=1.0), kv_bytes=24.0, watermark=watermark), calls((0.0, 10, 2), (0.0, 10, 2)))
        assert served.first_token[1] == pytest.approx(first)


def test_blocks_round_up() -> None:
    # Blocks of 5 cost (5 − 1)/2 tokens more than the call on average: 12 + 1 tokens and 2 do not fit into 14, into 15 they do.
    for room, status in ((14.0, Status.REJECTED), (15.0, Status.DONE)):
        served = simulate(engine(step(host=1.0), kv_bytes=room, block_tokens=5.0), calls((0.0, 12, 1)))
        assert served.status.tolist() == [status]


def test_what_can_never_be_served_is_refused_and_counted() -> None:
    made = engine(step(host=1.0), kv_bytes=50.0, context=80)
    served = simulate(made, calls((0.0, 70, 11), (0.0, 40, 11), (0.0, 40, 10)))
    assert served.status.tolist() == [Status.REJECTED, Status.REJECTED, Status.DONE]
    assert served.rejected == {"longer than the context": 1, "larger than KV memory": 1}


def test_a_static_engine_without_contiguous_memory_is_refused() -> None:
    with pytest.raises(InvalidInput, match="contiguous"):
        engine(step(host=1.0), policy="static")


def test_iterations_without_duration_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no time"):
        engine(step())


def one_by_one(made: Engine, requests: Requests) -> tuple[list[float], list[float]]:
    """Simulate chunked serving with endless memory one iteration after another; return first tokens and ends."""
    count = len(requests)
    first, finish, out = [math.nan] * count, [math.nan] * count, [0] * count
    left, coming, prompts, decoding, now = requests.prompt.tolist(), list(range(count)), [], [], 0.0
    while coming or prompts or decoding:
        if not (prompts or decoding):
            now = max(now, requests.arrival[coming[0]])
        while coming and requests.arrival[coming[0]] <= now and len(prompts) + len(decoding) < made.max_sequences:
            prompts.append(coming.pop(0))
        room, flops, ended, tokens = max(made.chunk_tokens - len(decoding), MIN_CHUNK), 0.0, [], 0
        for call in prompts:
            new = min(left[call], room - tokens)
            flops += made.attention.flops(new, int(requests.prompt[call]) - left[call])
            tokens, left[call] = tokens + new, left[call] - new
            ended += [call] if not left[call] else []
        read = sum(made.read.at(int(requests.prompt[call]) + out[call]) for call in decoding)
        now += made.step.time(len(decoding), read, tokens, flops, len(ended))
        for call in [*decoding, *ended]:
            out[call] += 1
            first[call] = now if out[call] == 1 else first[call]
            finish[call] = now if out[call] == requests.output[call] else math.nan
        prompts = [call for call in prompts if left[call]]
        decoding = [call for call in [*decoding, *ended] if math.isnan(finish[call])]
    return first, finish


@pytest.mark.parametrize(("rate", "slots", "window"), [(1.0, 256, 0.0), (6.0, 256, 0.0), (20.0, 16, 0.0), (6.0, 256, 300.0)])
def test_leaps_are_iterations_one_after_another(rate: float, slots: int, window: float) -> None:
    cache = ScalarKv(state=1e6, full=65536.0, windowed=65536.0 if window else 0.0, window=window)
    made = realistic(max_sequences=slots, kv_bytes=1e15, read=cache, held=cache)
    requests = mixed(rate, 150 / rate, output=80)
    served = simulate(made, requests)
    first, finish = one_by_one(made, requests)
    assert served.first_token == pytest.approx(np.array(first), rel=1e-10)
    assert served.finish == pytest.approx(np.array(finish), rel=1e-10)


def test_looking_on_changes_nothing() -> None:
    requests = mixed(5.0, 60.0)
    alone, seen = simulate(realistic(), requests), simulate(realistic(), requests, sample=0.37)
    assert seen.finish == pytest.approx(alone.finish, rel=1e-12)
    assert len(seen.series[0].time) == math.ceil(requests.arrival[-1] / 0.37) + 1
    assert seen.series[0].kv.max() > 0


@pytest.mark.parametrize("policy", ["chunked", "prompts first", "static"])
def test_every_call_is_accounted_for_and_memory_is_given_back(policy: str) -> None:
    cache = ScalarKv(state=1e6, full=65536.0, windowed=65536.0, window=700.0)
    static = policy == "static"
    made = realistic(
        policy=policy,
        held=cache,
        read=cache,
        kv_bytes=3e9 if static else 6e8,
        contiguous=static,
        context=4000 if static else 20_000,
    )
    requests = mixed(4.0, 200.0)
    replica = Replica(made)
    sent = [
        Sequence(row, float(at), int(prompt), int(output))
        for row, (at, prompt, output) in enumerate(zip(requests.arrival, requests.prompt, requests.output, strict=True))
    ]
    for call in sent:
        replica.submit(call, call.arrival)
    fullest = 0.0
    for time in range(1, 200):
        replica.advance(float(time))
        fullest = max(fullest, replica.kv_used - 131072.0 * replica.active)  # a call that begins to decode takes a token more
    assert 0.5 * made.kv_bytes < fullest <= made.kv_bytes
    replica.advance(math.inf)
    done = [call for call in sent if not call.rejected]
    assert all(call.arrival < call.first <= call.finish for call in done)
    assert replica.load == replica.active == replica.queued == 0
    assert replica.kv_used == pytest.approx(0.0, abs=1.0)
    assert replica.counters.output_tokens == sum(call.output for call in done)
    assert len(done) + sum(replica.counters.rejected.values()) == len(requests)
    assert (replica.counters.preemptions > 0) == (not static)


@pytest.mark.parametrize("load", [0.4, 0.7])
def test_prompts_alone_are_a_queue_with_poisson_arrivals_and_one_server(load: float) -> None:
    # One slot, one token out: M/G/1, S = 1 + 0.01·I with I of 1 to 199: E[S] = 2, Var S = 0.01²·(199² − 1)/12.
    # Pollaczek–Khinchine: W = λE[S²]/2(1 − ρ). 60,000 calls leave a sampling error of about 1–2 %.
    rng = np.random.Generator(np.random.PCG64(1))
    prompts = rng.integers(1, 200, 60_000)
    rate = load / 2.0
    made = engine(step(host=1.0, flops=0.01), max_sequences=1, chunk_tokens=1000)
    served = simulate(made, plain(rng.exponential(1 / rate, len(prompts)).cumsum(), prompts, np.ones_like(prompts)))
    second = 2.0**2 + 0.01**2 * (199**2 - 1) / 12
    wait = served.ttft.mean() - (1 + 0.01 * prompts.mean())
    assert wait == pytest.approx(rate * second / 2 / (1 - load), rel=0.04)


def test_what_is_cached_everywhere_is_not_computed_but_read_and_held() -> None:
    # τ = 1 + 0.01·P + 0.001·K: 30 of 80 tokens are computed; the second token reads 81.
    requests = replace(calls((0.0, 80, 2)), cached=np.array([50]))
    served = simulate(engine(step(host=1.0, flops=0.01, kv=0.001)), requests)
    assert served.first_token == pytest.approx([1.3])
    assert served.tpot == pytest.approx([1.01 + 0.081])


def grouped(*rows: tuple[float, int, int], group: tuple[int, ...], shared: int) -> Requests:
    return replace(calls(*rows), group=np.array(group), shared=np.full(len(rows), shared))


def test_a_groups_beginning_is_computed_once() -> None:
    # τ = 1 + 0.01·P. Of the second call of group 7 only 30 of 80 tokens are left; group 8's is computed whole.
    requests = grouped((0.0, 80, 1), (10.0, 80, 1), (20.0, 80, 1), group=(7, 7, 8), shared=50)
    served = simulate(engine(step(host=1.0, flops=0.01)), requests)
    assert served.ttft == pytest.approx([1.8, 1.3, 1.8])
    assert (served.total("prefix_hits"), served.total("prefix_tokens")) == (1, 50)
    assert simulate(engine(step(host=1.0, flops=0.01), prefix_cache=False), requests).ttft == pytest.approx([1.8] * 3)


def test_only_whole_blocks_are_kept() -> None:
    requests = grouped((0.0, 80, 1), (10.0, 80, 1), group=(7, 7), shared=50)
    assert simulate(engine(step(host=1.0), block_tokens=16.0), requests).total("prefix_tokens") == 48


def test_kept_beginnings_make_room() -> None:
    # 100 tokens hold one call of 81 and nothing beside it: group 7's 50 kept tokens go when group 8 comes.
    requests = grouped((0.0, 80, 1), (10.0, 80, 1), (20.0, 80, 1), group=(7, 8, 7), shared=50)
    served = simulate(engine(step(host=1.0, flops=0.01), kv_bytes=100.0), requests)
    assert served.ttft == pytest.approx([1.8, 1.8, 1.8])


def test_a_shared_beginning_counts_once_in_memory() -> None:
    # 50 kept + 30 own each = 110 tokens for two at once, of 160 without sharing: 130 tokens of memory do.
    rows = ((0.0, 80, 1), (10.0, 80, 5), (10.0, 80, 5))
    made = engine(step(host=1.0), kv_bytes=130.0)
    together = simulate(made, grouped(*rows, group=(7, 7, 7), shared=50))
    assert together.finish[1:] == pytest.approx([15.0, 15.0])
    apart = simulate(made, calls(*rows))
    assert apart.finish[1:] == pytest.approx([15.0, 20.0])


def speculated(drafting: Speculation | None, count: int = 200) -> Served:
    return simulate(engine(step(host=1.0), speculation=drafting, context=200_000, kv_bytes=1e9), calls(*[(0.0, 1, 501)] * count))


def test_speculation_emits_its_mean() -> None:
    # α = 0.7, γ = 3: 1 + 0.7 + 0.49 + 0.343 = 2.533 tokens an iteration. Rounding up to a whole iteration adds half of one.
    drafting = Speculation(3, 0.7)
    assert drafting.mean == pytest.approx(2.533)
    assert Speculation.with_mean(3, 2.533).acceptance == pytest.approx(0.7)
    iterations = np.array([drafting.passes(500, np.random.Generator(np.random.PCG64(seed))) for seed in range(300)])
    assert 500 / (iterations.mean() - 0.5) == pytest.approx(2.533, rel=0.01)
    served = speculated(drafting)
    assert served.tpot.mean() == pytest.approx(iterations.mean() / 500, rel=0.01)


def test_speculation_that_never_accepts_costs_its_tokens_and_its_drafting() -> None:
    # 64 slots hold one call. τ = 1 + 0.01·N, N = 3 for γ = 2: 1.03, + 20 % for each of two drafts, + 0.05 each.
    drafting = Speculation(2, 0.0, draft_seconds=0.05, draft_share=0.2)
    served = simulate(engine(step(host=1.0, flops=0.01), speculation=drafting), calls((0.0, 1, 11)))
    assert served.tpot == pytest.approx([1.03 * 1.4 + 0.1])


@pytest.mark.parametrize("mean", [0.9, 4.0])
def test_speculation_beyond_what_is_drafted_is_refused(mean: float) -> None:
    with pytest.raises(InvalidInput, match="drafted"):
        Speculation.with_mean(3, mean)


def test_a_lone_prompt_fills_the_pipeline() -> None:
    # 4 stages, two chunks of 100 tokens, each 1 s of a stage's share: 2 + 3·1 = (4 + 2 − 1)/2 times 2 s.
    pipeline = step(flops=0.01, stages=4.0)
    served = simulate(engine(pipeline), calls((0.0, 200, 1)))
    assert served.ttft == pytest.approx([5.0])


def test_a_pipeline_keeps_its_rate_while_prompts_come_out_late() -> None:
    # Ten prompts of 100 tokens: one leaves each second, every one 3 s after its own; capacity is that of τ.
    requests = calls(*[(0.0, 100, 1)] * 10)
    served = simulate(engine(step(flops=0.01, stages=4.0)), requests)
    assert served.first_token == pytest.approx(4.0 + np.arange(10.0))
    assert served.total("busy") == pytest.approx(10.0)
    assert simulate(engine(step(flops=0.01)), requests).first_token == pytest.approx(1.0 + np.arange(10.0))


def test_decoding_after_a_pipeline() -> None:
    # The first token comes at 4 of an idle engine, then τ = 0.01 a token.
    served = simulate(engine(step(flops=0.01, stages=4.0)), calls((0.0, 100, 3)))
    assert (served.first_token[0], served.finish[0]) == pytest.approx((4.0, 4.02))


@pytest.mark.parametrize("drafting", [None, Speculation(3, 0.7)])
@pytest.mark.parametrize("policy", ["chunked", "prompts first"])
def test_running_sums_are_those_over_sequences(drafting: Speculation | None, policy: str) -> None:
    # Windows fill, memory runs out, groups share, calls are called off: what is read and held stays the sum over those there.
    cache = ScalarKv(state=1e6, full=65536.0, windowed=65536.0, window=700.0)
    made = realistic(read=cache, held=replace(cache, window=900.0), kv_bytes=8e8, policy=policy, speculation=drafting)
    requests = mixed(5.0, 60.0)
    replica, sent = Replica(made), []
    for row, (at, prompt, output) in enumerate(zip(requests.arrival.tolist(), requests.prompt, requests.output, strict=True)):
        replica.advance(at)
        sent.append(Sequence(row, at, int(prompt), int(output), group=row % 5, shared=min(300, int(prompt) - 1)))
        replica.submit(sent[-1], at)
        if row % 9 == 8 and math.isnan(sent[-5].finish):
            replica.cancel(sent[-5], at)
        batch = replica._decoding
        decoding = [call for _, _, call in batch.ends]
        read = sum(grown(made.read, call.start, call.rate, batch.passed - call.joined) for call in decoding)
        assert batch.read == pytest.approx(read, rel=1e-9, abs=1.0)
        slopes = [batch.slope(call, made.read, call.start) for call in decoding]
        assert batch.read_slope == pytest.approx(sum(slopes), abs=1e-3)
        held = sum(call.held for call in replica._running)
        for call in decoding:
            start = call.start + made.rounding
            held += grown(made.held, start, call.rate, batch.passed - call.joined) - made.held.at(start)
        assert replica.kv_used - replica._cache.bytes == pytest.approx(held, rel=1e-9, abs=1.0)
    replica.advance(math.inf)
    assert replica.counters.preemptions > 0
    assert replica.counters.prefix_hits > 0
    assert replica.kv_used - replica._cache.bytes == pytest.approx(0.0, abs=1.0)
    assert replica._cache.unused == pytest.approx(replica._cache.bytes, abs=1.0)
    assert replica.load == 0
