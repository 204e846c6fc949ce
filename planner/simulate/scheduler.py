"""One replica, iteration by iteration; stretches in which only decoding goes on are leapt over at once.

While B sequences decode, each grows by the same tokens every iteration, so K grows linearly and the next k iterations end after

    T(k) = k·a + b·k·(k − 1)/2,   a = τ(B, K, 0, 0),   b = kv·ΔK

A leap ends where something changes: a sequence ends, one fills its window, memory runs out, a call arrives, is called off, or
comes out of the pipeline. Costs are per such event.
"""

from __future__ import annotations

import heapq
import math
from collections import deque

from numpy.random import PCG64, Generator, SeedSequence

from planner.simulate.decoding import Decoding
from planner.simulate.engine import MIN_CHUNK, Engine
from planner.simulate.growth import elapsed, reaching
from planner.simulate.prefix import Prefix, PrefixCache
from planner.simulate.requests import NO_GROUP
from planner.simulate.sequence import Counters, Sequence


class Replica:
    """A running engine. Calls are handed in by `submit` in order of time; `advance` makes time pass."""

    def __init__(self, engine: Engine, seed: SeedSequence | None = None, start: float = 0.0) -> None:
        """Begin empty at `start` [s]."""
        self.engine = engine
        self.now = start
        self.load = 0
        self.counters = Counters()
        self._rng = Generator(PCG64(seed))
        self._inbox: deque[tuple[float, Sequence, bool]] = deque()
        self._empty()

    def _empty(self) -> None:
        """Forget every call and every kept beginning."""
        self._inbox.clear()
        self._waiting: deque[Sequence] = deque()
        self._running: dict[Sequence, None] = {}
        self._prompts: deque[Sequence] = deque()
        self._draining: list[tuple[float, int, Sequence]] = []
        self._decoding = Decoding(self.engine, self._rng)
        self._order = 0
        self._booked = 0.0
        self._cache = PrefixCache()
        self.quiet = -math.inf  # nothing happens before this time

    # What others see

    @property
    def kv_used(self) -> float:
        """Bytes held by calls and kept beginnings, at the last event [B]."""
        return self._booked + self._decoding.held + self._cache.bytes

    @property
    def queued(self) -> int:
        """Calls that wait for admission [1]."""
        return len(self._waiting) + len(self._inbox)

    @property
    def active(self) -> int:
        """Calls that run [1]."""
        return len(self._running)

    def submit(self, call: Sequence, time: float) -> None:
        """Hand in a call that reaches the engine at `time` [s], no earlier than those before it."""
        self.load += 1
        self._inbox.append((time, call, False))
        self.quiet = min(self.quiet, time)

    def cancel(self, call: Sequence, time: float) -> None:
        """Call off an unfinished call at `time` [s]; the iteration then running still serves it."""
        # Calls still on their way, within the host time, are sorted in: the inbox is in order of time.
        later = [entry for entry in self._inbox if entry[0] > time]
        sooner = [entry for entry in self._inbox if entry[0] <= time]
        gone = [entry for entry in later if entry[1] is call]
        self.load -= len(gone)
        self._inbox = deque(
            [*sooner, *([] if gone else [(time, call, True)]), *(entry for entry in later if entry[1] is not call)]
        )
        self.quiet = min(self.quiet, time)

    def fail(self) -> list[Sequence]:
        """Lose everything; return the calls that were unfinished, those longest here first."""
        waiting = [*self._waiting, *(call for _, call, off in self._inbox if not off)]
        lost = [*(call for call in self._running if math.isnan(call.finish)), *waiting]
        self._empty()
        self.load = 0
        return lost

    def advance(self, until: float) -> None:
        """Complete every iteration that ends by `until` [s]."""
        while until >= self.quiet:
            self._notice()
            self._admit()
            if self._prompts:
                going = self._prompt_iteration(until)
            elif self._decoding.ends:
                going = self._leap(until)
            else:
                going = self._wake(until)
            if not going:
                return

    # Events

    def _next_event(self) -> float:
        """Return when the next call arrives, is called off or comes out of the pipeline [s]."""
        soon = self._inbox[0][0] if self._inbox else math.inf
        return min(soon, self._draining[0][0]) if self._draining else soon

    def _wake(self, until: float) -> bool:
        """Sleep until something comes, if it does by `until`."""
        soon = self._next_event()
        if soon > until or soon == math.inf:
            self.quiet = soon
            return False
        self.now = max(self.now, soon)
        return True

    def _notice(self) -> None:
        """Take in what has come by now."""
        inbox, now = self._inbox, self.now
        while inbox and inbox[0][0] <= now:
            _, call, off = inbox.popleft()
            if off:
                self._call_off(call)
            else:
                self._take_in(call)
        while self._draining and self._draining[0][0] <= now:
            time, _, call = heapq.heappop(self._draining)
            self._emit_first(call, time)

    def _take_in(self, call: Sequence) -> None:
        """Queue a call, or refuse one that can never be served."""
        reason = self.engine.refuses(call.prompt, call.output)
        if reason:
            call.rejected = reason
            self.load -= 1
            self.counters.rejected[reason] = self.counters.rejected.get(reason, 0) + 1
        else:
            self._waiting.append(call)

    def _call_off(self, call: Sequence) -> None:
        """Take an abandoned call out, wherever it stands."""
        if call.rejected or not math.isnan(call.finish):
            return
        self.load -= 1
        if call in self._running:
            self._remove(call)
            self._end_batch()
        else:
            self._waiting.remove(call)

    # Admission

    def _admit(self) -> None:
        """Let waiting calls in, first come first served, while a slot and memory for their prompts are free."""
        if not self._waiting:
            return
        static = self.engine.policy == "static"
        if static and self._running:
            return
        while self._waiting and len(self._running) < self.engine.max_sequences and self._enter(self._waiting[0]):
            self._waiting.popleft()
        if static:
            # Every prompt of a batch is padded to its longest.
            longest = max((call.left for call in self._prompts), default=0)
            for call in self._prompts:
                call.left = longest

    def _enter(self, call: Sequence) -> bool:
        """Start a call if there is memory for its prompt and what it has emitted."""
        engine, cache = self.engine, self._cache
        tokens = call.prompt + call.emitted
        prefix = cache.take(call.group) if call.group != NO_GROUP and engine.prefix_cache else None
        shared = min(prefix.tokens, call.shared, tokens - 1) if prefix else 0
        needed = engine.charged(tokens) - engine.held.full * shared
        spare = engine.kv_bytes * (1.0 - (engine.watermark if self._running else 0.0)) - self.kv_used
        if needed + self._decoding.held_slope > spare + cache.unused and self._running:
            if prefix:
                cache.release(prefix)
            return False
        cache.evict(needed - spare)
        self._start(call, tokens, shared, needed, prefix)
        return True

    def _start(self, call: Sequence, tokens: int, shared: int, needed: float, prefix: Prefix | None) -> None:
        """Give a call its slot and memory; what is cached of its prompt need not be computed."""
        self._order += 1
        self._running[call] = None
        self._book(call, needed)
        call.prefix, call.order, call.base = prefix, self._order, tokens
        call.skipped = min(max(call.cached, shared), tokens - 1)
        call.left, call.chunks, call.work = tokens - call.skipped, 0, 0.0
        if prefix:
            self.counters.prefix_hits += 1
            self.counters.prefix_tokens += max(0, shared - call.cached)
        if call.outside:
            call.outside = False
            call.left = 0
            self._join(call)
        else:
            self._prompts.append(call)

    # Iterations

    def _prompt_iteration(self, until: float) -> bool:
        """Run an iteration that carries prompts, if it ends by `until`."""
        engine, step = self.engine, self.engine.step
        decoding = self._decoding.count if engine.policy == "chunked" else 0
        if not self._make_room(decoding):
            return True
        chunks, tokens, flops, ended = self._chunks(max(engine.chunk_tokens - decoding * engine.width, MIN_CHUNK))
        drafts = decoding * (engine.width - 1)
        read = self._decoding.read if decoding else 0.0
        taken = step.time(decoding, read, tokens, flops, ended, drafts) + engine.drafting(decoding, read)
        end = self.now + taken
        if end > until:
            self.quiet = end
            return False
        self.now = end
        self.counters.iterations += 1
        self.counters.busy += taken
        self.counters.prompt_tokens += tokens
        if decoding:
            self._pass(1)
        self._use(chunks, ended)
        return True

    def _chunks(self, budget: int) -> tuple[list[tuple[Sequence, int, float]], int, float, int]:
        """Return the prompts' shares of an iteration: (call, tokens, FLOP) each, all tokens, all FLOP, prompts that end."""
        chunks, room, flops, ended = [], budget, 0.0, 0
        cost = self.engine.attention
        for call in self._prompts:
            new = min(call.left, room)
            made = cost.flops(new, call.skipped)
            chunks.append((call, new, made))
            flops += made
            room -= new
            ended += new == call.left
            if not room:
                break
        return chunks, budget - room, flops, ended

    def _use(self, chunks: list[tuple[Sequence, int, float]], ended: int) -> None:
        """Book an iteration's chunks; prompts that end yield their first token."""
        stages = self.engine.step.stages
        for call, new, flops in chunks:
            call.left -= new
            call.skipped += new
            if stages > 1.0:
                call.chunks += 1
                call.work += self.engine.step.prompt_work(new, flops)
        for _ in range(ended):
            call = self._prompts.popleft()
            # τ charges a prompt 1/pp of its work; its last chunk comes out pp − 1 stage times later (`pipeline_fill`).
            late = (stages - 1.0) * call.work / call.chunks if stages > 1.0 else 0.0
            if late:
                heapq.heappush(self._draining, (self.now + late, call.order, call))
            else:
                self._emit_first(call, self.now)

    def _leap(self, until: float) -> bool:
        """Run decode iterations to the next event, if it comes by `until`."""
        decoding = self._decoding
        if not self._make_room(decoding.count):
            return True
        start, slope = self.engine.decode(decoding.count, decoding.read, decoding.read_slope)
        steps = decoding.calm(self.engine.kv_bytes - self.kv_used)
        soon = self._next_event()
        taken = elapsed(start, slope, steps)
        if self.now + taken > soon:
            steps = min(steps, reaching(start, slope, soon - self.now))
            taken = elapsed(start, slope, steps)
        end = self.now + taken
        if end > until:
            self.quiet = end
            return False
        self.now = end
        self.counters.iterations += steps
        self.counters.busy += taken
        self._pass(steps)
        return True

    def _pass(self, steps: int) -> None:
        """Let so many decode iterations be done."""
        for call in self._decoding.advance(steps):
            self._finish(call)

    # A sequence's way through decoding

    def _emit_first(self, call: Sequence, time: float) -> None:
        """Let a prompt's last iteration emit a token; the call ends with it or goes on to decode."""
        if math.isnan(call.first):
            call.first = time
        call.emitted += 1
        self._keep_prefix(call)
        if call.emitted < call.output:
            self._join(call)
        else:
            self._end(call, time)
            self._end_batch()

    def _keep_prefix(self, call: Sequence) -> None:
        """Keep a group's beginning once computed, in whole blocks, for the calls to come; it then counts once for all of them."""
        engine = self.engine
        if call.group == NO_GROUP or call.prefix is not None or not engine.prefix_cache or engine.contiguous:
            return
        tokens = int(call.shared // engine.block_tokens * engine.block_tokens)
        if tokens:
            size = engine.held.full * tokens
            call.prefix = self._cache.keep(call.group, tokens, size)
            if call.prefix is not None:
                self._book(call, -size)

    def _join(self, call: Sequence) -> None:
        """Begin to decode."""
        self._decoding.join(call)
        # Until now its memory was for what had to be computed.
        self._book(call, self.engine.charged(call.start) - self.engine.charged(call.base))

    def _book(self, call: Sequence, more: float) -> None:
        """Book so much more memory to a call [B]."""
        call.held += more
        self._booked += more

    def _finish(self, call: Sequence) -> None:
        """End a call whose last token has come."""
        if self.engine.policy == "static":
            self._close(call, self.now)
            self._end_batch()
        else:
            self._book(call, self._decoding.leave(call))
            self._end(call, self.now)

    def _end_batch(self) -> None:
        """Give a static batch's places back once all its members have ended: until then they stay taken and cost their time."""
        if self.engine.policy != "static" or self._decoding.ends or self._prompts or self._draining:
            return
        for member in list(self._running):
            self._book(member, self._decoding.leave(member))
            self._free(member)

    def _end(self, call: Sequence, time: float) -> None:
        """End a call and free what it held."""
        self._close(call, time)
        self._free(call)

    def _close(self, call: Sequence, time: float) -> None:
        """Book the end of a call."""
        call.finish = time
        self.load -= 1
        self.counters.output_tokens += call.output

    def _free(self, call: Sequence) -> None:
        """Give a call's slot and memory back."""
        del self._running[call]
        self._book(call, -call.held)
        if call.prefix is not None:
            self._cache.release(call.prefix)
            call.prefix = None

    def _remove(self, call: Sequence) -> None:
        """Take a running call out before its end."""
        if call in self._prompts:
            self._prompts.remove(call)
        elif any(entry[2] is call for entry in self._draining):
            self._draining = [entry for entry in self._draining if entry[2] is not call]
            heapq.heapify(self._draining)
        else:
            self._book(call, self._decoding.drop(call))
        self._free(call)

    def _make_room(self, decoding: int) -> bool:
        """Return whether every sequence may grow; else give up unused beginnings, or the youngest sequence, and say no."""
        growth = self._decoding.held_slope
        if not decoding or growth <= 0.0:
            return True
        short = self.kv_used + growth - self.engine.kv_bytes
        if short <= 0.0 or len(self._running) == 1:
            self._cache.evict(short)
            return True
        if self._cache.evict(short):
            return False
        youngest = next(reversed(self._running))
        self._remove(youngest)
        youngest.preemptions += 1
        self.counters.preemptions += 1
        self._waiting.appendleft(youngest)
        return False
