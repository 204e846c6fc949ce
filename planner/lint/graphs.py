"""Questions about call graphs, retrieval, levers and the models that answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from planner.catalog.select import permitted
from planner.catalog.yamlfile import KeyPath
from planner.demand.stream import Stream
from planner.domain.calls import QualityFloor
from planner.domain.llm import Model
from planner.domain.stages import Retries
from planner.domain.workload import Workload
from planner.lint.rule import Hit, Seen

PASSAGES = 8
"""Most passages in a prompt (assumption)."""
ROUNDS = 10
"""Largest budget of a loop: the default of an agent library."""
TRIES = 3
"""Most tries of a call."""
REACHED = 0.95
"""Share of calls whose context a model should be trusted with."""
SURE = 0.995
"""Share of hits from which on a cache is taken never to miss (assumption)."""
LONG = ("RULER", "NoLiMa")
"""Benchmarks of long contexts: a floor on one of them asks the question already."""
_FEW = 3


def many_passages(seen: Seen) -> Iterator[Hit]:
    """More than 8 passages in a prompt, and no lever offers fewer."""
    for path, workload, stage in seen.stages():
        count = stage.chunks.count if stage.chunks is not None else 0
        if count > PASSAGES and not _offers_fewer(workload, stage.name):
            message = f"{count} passages go into the prompt: prefill grows with each, and what stands in the middle is read worst"
            remedy = f"rerank and keep {PASSAGES} or fewer, or offer a lever of kind retrieval_depth and let the solver choose"
            yield Hit((*path, "chunks", "count"), message, remedy)


def _offers_fewer(workload: Workload, stage: str) -> bool:
    effects = (effect for lever in workload.levers for option in lever.options for effect in option.effects)
    return any(one.chunks is not None and one.chunks <= PASSAGES and one.stage in (stage, None) for one in effects)


def long_loop(seen: Seen) -> Iterator[Hit]:
    """A budget of more than 10 rounds."""
    for path, _, stage in seen.stages():
        if stage.loop is not None and stage.loop.at_most > ROUNDS:
            message = (
                f"a request may go round {stage.loop.at_most} times before it is stopped: that is hardly a bound on its cost"
            )
            yield Hit(
                (*path, "loop", "at_most"), message, f"set a budget of {ROUNDS} or less, and say what happens when it is spent"
            )


def light_loop(seen: Seen) -> Iterator[Hit]:
    """Rounds that add nothing to the prompt."""
    for path, _, stage in seen.stages():
        if stage.loop is not None and stage.loop.mean > 1 and not stage.loop.grows_by and stage.calls_model:
            message = "its rounds add nothing to the prompt of the next one, yet outputs and what tools return pile up"
            yield Hit((*path, "loop"), message, "give grows_by: the tokens of an output and of what a tool returns")


def _all_retries(seen: Seen) -> Iterator[tuple[KeyPath, Retries]]:
    for path, workload in seen.workloads():
        if workload.retries is not None:
            yield (*path, "retries"), workload.retries
    for path, _, stage in seen.stages():
        if stage.retries is not None:
            yield (*path, "retries"), stage.retries


def retry_storm(seen: Seen) -> Iterator[Hit]:
    """More than 3 tries, or timeouts tried again at once."""
    for path, retries in _all_retries(seen):
        if retries.attempts > TRIES:
            message = f"up to {retries.attempts} tries a call: when pools are overloaded, load grows as many times"
            yield Hit((*path, "attempts"), message, f"allow {TRIES} tries or fewer")
        if retries.attempts > 1 and retries.timeout is not None and not retries.backoff:
            message = "calls that time out are sent again at once, to a pool that is late already"
            yield Hit((*path, "timeout"), message, "give backoff, and let callers spread it at random")


def _caches(seen: Seen) -> Iterator[tuple[KeyPath, KeyPath, Workload]]:
    """Yield the place of every workload with a semantic cache, of each of its settings, and the workload."""
    for path, workload in seen.workloads():
        for index, lever in enumerate(workload.levers):
            if lever.kind == "semantic_cache":
                for number in range(len(lever.options)):
                    yield path, (*path, "levers", index, "options", number), workload


def shared_cache(seen: Seen) -> Iterator[Hit]:
    """A semantic cache on traffic that is personalized, or may be."""
    for path, option, workload in _caches(seen):
        if workload.personalized > 0:
            message = (
                f"a semantic cache on traffic of which {workload.personalized:.0%} depends on who asks: "
                "unless it tells them apart, one user sees another's answer"
            )
            yield Hit(option, message, "key it by whatever the answer depends on, and measure that; or cache retrieval alone")
        elif not seen.says(*path, "personalized"):
            message = "a semantic cache is offered and nothing says how many answers depend on who asks"
            yield Hit(option, message, "give `personalized` at the workload; `personalized: 0%` if all see the same")


def sure_hits(seen: Seen) -> Iterator[Hit]:
    """hit_rate ≥ 99.5 %."""
    for path, workload in seen.workloads():
        if workload.shared_prefix is not None and workload.shared_prefix.hit_rate >= SURE:
            yield _sure((*path, "shared_prefix", "hit_rate"), workload.shared_prefix.hit_rate)
    for path, _, stage in seen.stages():
        if stage.shared_prefix is not None and stage.shared_prefix.hit_rate >= SURE:
            yield _sure((*path, "shared_prefix", "hit_rate"), stage.shared_prefix.hit_rate)


def _sure(path: KeyPath, rate: float) -> Hit:
    message = f"a prefix cache that is found {rate:.1%} of the time: restarts, new replicas and evictions are left out"
    return Hit(path, message, "give the rate that the engine reports (vLLM: prefix_cache_hits over prefix_cache_queries)")


def beyond_trust(seen: Seen) -> Iterator[Hit]:
    """p95 of prompt and output > effective context of a model that may answer."""
    for index, workload in enumerate(seen.stated.workloads):
        ways = seen.flows.of(workload.name)
        used = [stream for stream in seen.flows.streams if ways and stream.name in ways[0].rates]
        found = {stream.name: short for stream in used if (short := _too_short(seen, stream))}
        if found:
            longest = max((one for one in used if one.name in found), key=lambda one: one.longest_context(REACHED))
            yield _beyond(("workloads", index), longest, found[longest.name])


def _beyond(path: KeyPath, stream: Stream, short: dict[str, float]) -> Hit:
    names = [f"{name} ({tokens:,.0f})" for name, tokens in list(short.items())[:_FEW]]
    more = f" and {len(short) - _FEW} more" if len(short) > _FEW else ""
    stage = f" of stage {stream.stage}" if stream.stage else ""
    reach = f"5 % of calls{stage} reach {stream.longest_context(REACHED):,.0f} tokens"
    message = f"{reach}, more than is trusted of {', '.join(names)}{more}"
    return Hit(path, message, "add a quality floor with `context`, or one on RULER, or leave these models out")


def _too_short(seen: Seen, stream: Stream) -> dict[str, float]:
    """Return the models that may answer a stream's calls and are trusted with less, least first; none if a floor asks that."""
    floors = stream.workload.quality
    if stream.role != "generate" or any(f.context is not None or f.benchmark.startswith(LONG) for f in floors):
        return {}
    catalog, length, needed = seen.loaded.catalog, stream.longest_context(REACHED), stream.longest_context()
    may = permitted(catalog, "models", (seen.loaded.problem.choose, stream.workload.choose))
    able = ((name, catalog.models[name]) for name in may if _able(catalog.models[name], floors, needed))
    trusted = ((name, model.effective_context) for name, model in able)
    return _ascending((name, tokens) for name, tokens in trusted if tokens is not None and tokens < length)


def _able(model: Model, floors: Iterable[QualityFloor], context: float) -> bool:
    """Say whether a model could serve such calls: it takes their length, and its published scores reach the floors."""
    return (
        model.role == "generate"
        and model.max_context >= context
        and all(
            floor.measured is not None
            or floor.over != "each"
            or any(one.benchmark == floor.benchmark and one.score >= floor.at_least for one in model.scores)
            for floor in floors
        )
    )


def _ascending(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    return dict(sorted(pairs, key=lambda pair: (pair[1], pair[0])))
