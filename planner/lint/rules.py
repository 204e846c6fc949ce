"""The table of rules: what each finds, why it matters, and where its threshold is from."""

from __future__ import annotations

from planner.lint import demand, graphs, promises, supply
from planner.lint.rule import Rule

_AZURE = "Azure network round-trip latency statistics, October 2019: up to 72 ms in North America, 28 in Europe, 134 in Asia"
_TRANSATLANTIC = "90 ms New York to London, Verizon's service level (second-hand, read 2026-11)"
_TAIL = "Dean and Barroso, The Tail at Scale, CACM 56(2), 2013-02; 90 is an assumption"
_LLAMA = "419 interruptions of 16,384 H100 in 54 days (Llama 3 405B training, 2024-07); docs/failures.md"
_NOTICE = "notice of 30 s to 2 min over clouds (gridstackhub.ai, 2026)"
_ASSUMED = "assumption"

RULES: tuple[Rule, ...] = (
    Rule(
        "round-trip",
        "a TTFT or E2E target below a network round trip between the regions allowed",
        "users wait for the network on top of what a replica promises",
        f"{_AZURE}; {_TRANSATLANTIC}",
        promises.round_trip,
    ),
    Rule(
        "no-tail",
        "a promise below the 90th percentile",
        "an average or a median hides the users who wait longest",
        _TAIL,
        promises.no_tail,
    ),
    Rule(
        "half-promise",
        "TTFT promised without TPOT or E2E, or TPOT alone",
        "a plan saves wherever nothing is promised",
        "by the definition of TTFT and TPOT (docs/nomenclature.md)",
        promises.half_promise,
    ),
    Rule(
        "all-soft",
        "promises of which none is hard",
        "misses at a price are a cost, and a plan may choose to pay it for everybody",
        "docs/formulation.md: soft targets cost price × misses and bind nothing",
        promises.all_soft,
    ),
    Rule(
        "far-tail",
        "p99 and beyond with nothing said of bursts",
        "Poisson arrivals are the smoothest there are of many users; far percentiles are made of bursts",
        "gaps of Azure's code trace, 2023-11: squared variation 173 (docs/demand.md); 99 is an assumption",
        promises.far_tail,
    ),
    Rule(
        "slow-pace",
        "a TPOT target slower than people read",
        "answers that are read along stall",
        "238 words a minute (Brysbaert, J. Memory and Language 109, 2019); 0.75 words a token (OpenAI help page, 2024)",
        promises.slower_than_read,
    ),
    Rule(
        "no-spread",
        "token counts as a mean alone",
        "prefill grows with the square of lengths, and output length decides how long a sequence holds its memory",
        "squared variation of output in Azure's traces, 2023-11: 0.60 and 4.6, not 0 (docs/demand.md)",
        demand.no_spread,
    ),
    Rule(
        "mean-as-tail",
        "a p95 within 5 % of the mean",
        "an average in place of a tail sizes pools for the requests that cause no trouble",
        "p95 over mean in Azure's traces, 2023-11: 2.1 to 3.6 (docs/demand.md); 1.05 is an assumption",
        demand.mean_as_tail,
    ),
    Rule(
        "no-maximum",
        "a p95 of three means or more and no maximum",
        "such a log-normal holds requests longer than any context, which rule out models and take memory",
        "docs/demand.md: no log-normal has p95 over 3.868 means; 3 is an assumption",
        demand.endless,
    ),
    Rule(
        "mean-as-peak",
        "promises planned on the mean of a trace",
        "promises hold in busy minutes too, or they are none",
        "Azure's traces, 2023-11: busiest 5 minutes 1.3 and 1.6 times the mean, busiest minute 1.5 and 4.2 (docs/demand.md)",
        demand.mean_as_peak,
    ),
    Rule(
        "flat-week",
        "a horizon with nothing said of the shape of a week",
        "what to reserve is decided by how many hours a machine is needed in",
        "docs/demand-over-time.md; an assumption of the file that should be said",
        demand.flat_week,
    ),
    Rule(
        "steep-growth",
        "growth to five times and more on one course",
        "commitments made on compounded growth are the dearest ones to be wrong about",
        _ASSUMED,
        demand.steep_growth,
    ),
    Rule(
        "top-k",
        "more than 8 passages in a prompt",
        "prefill is paid for each, and passages in the middle are used least",
        "Lost in the Middle, arXiv:2307.03172, 2023-07: 50 passages instead of 20 add 1 to 1.5 points; 8 is an assumption",
        graphs.many_passages,
    ),
    Rule(
        "long-loop",
        "a loop that may run more than 10 rounds",
        "a stuck agent costs its whole budget, each round with a longer prompt",
        "default max_turns = 10 of openai/openai-agents-python, 2026",
        graphs.long_loop,
    ),
    Rule(
        "light-loop",
        "a loop whose rounds add nothing to the prompt",
        "prompts of agents grow with every round, and prefill with them",
        "docs/call-graphs.md: grows_by is 0 unless it is said",
        graphs.light_loop,
    ),
    Rule(
        "retries",
        "more than 3 tries of a call, or timeouts without backoff",
        "retries multiply load when there is too much of it",
        "Site Reliability Engineering, O'Reilly 2016, chapters 21 and 22: three attempts, randomized exponential backoff",
        graphs.retry_storm,
    ),
    Rule(
        "shared-cache",
        "a semantic cache on personalized traffic, or on traffic of which nothing is said",
        "a hit across users is a wrong answer, and may be a leak",
        "by the definition of a semantic cache: it compares questions, not who asks",
        graphs.shared_cache,
    ),
    Rule(
        "sure-hits",
        "a prefix cache that never misses",
        "restarts, scaling out and evictions begin with an empty cache",
        "99.5 % is an assumption",
        graphs.sure_hits,
    ),
    Rule(
        "beyond-trust",
        "calls longer than a model that may answer them is trusted with",
        "models read long contexts worse than their limit says",
        "effective context of the catalog, from RULER (arXiv:2404.06654; results as of 2026-07)",
        graphs.beyond_trust,
    ),
    Rule(
        "one-pool",
        "one pool for different service classes, or fewer pools than sets",
        "a shared pool is run for its tightest promise, and batch work pays for it",
        "docs/formulation.md; targets differ from a factor of 2 on (assumption)",
        supply.one_pool,
    ),
    Rule(
        "no-spares",
        "hard promises without a spare replica or an availability",
        "accelerators fail, and every update takes a replica away",
        _LLAMA,
        supply.no_spares,
    ),
    Rule(
        "one-region",
        "an availability of 99.95 % and more in one region",
        "spares of a region fail together; failures.md counts machines, not regions",
        "99.95 % is an assumption",
        supply.one_region,
    ),
    Rule(
        "batch-on-demand",
        "batch work that is not said to be interruptible, where spot machines may be rented",
        "work that may wait is what spot machines are for",
        "docs/supply.md: only interruptible work may run on spot",
        supply.patient_but_fixed,
    ),
    Rule(
        "spot-promise",
        "hard latency promises on spot machines",
        "a request in flight is lost, and a new replica takes longer to start than the notice lasts",
        _NOTICE,
        supply.promised_on_spot,
    ),
    Rule(
        "spot-for-free",
        "spot machines without interruptions, or without time lost",
        "the discount is the price of being interrupted",
        "shares of machines interrupted a month from below 5 % to above 20 % (AWS Spot Advisor, 2025-07)",
        supply.spot_for_free,
    ),
    Rule(
        "outlived",
        "commitments that outlive what is known of demand",
        "what is paid after the horizon is not weighed by any demand",
        "terms of 12 and 36 months; docs/procurement.md",
        supply.outlived,
    ),
    Rule(
        "small-budget",
        "a budget below the cheapest machine",
        "no plan can keep it",
        "prices of the catalog, with their dates",
        supply.small_budget,
    ),
    Rule(
        "too-busy",
        "max_utilization above 0.8",
        "close to saturation small errors in demand become long queues",
        "planner/domain/problem.py: above 0.8 closed forms were not confirmed by simulation",
        supply.too_busy,
    ),
    Rule(
        "bare-predictions",
        "confidence below 0.8 where something is promised",
        "a prediction in the middle is too fast half of the time",
        "docs/accuracy.md; 0.8 is the default",
        supply.bare_predictions,
    ),
    Rule(
        "hopeful-levers",
        "levers at the optimistic end",
        "vendors publish the traffic on which a lever did best",
        "docs/lever-facts.md and docs/claims.md",
        supply.hopeful,
    ),
)
"""Every rule, in the order of the documentation."""

CODES = tuple(rule.code for rule in RULES)
"""Names of the rules."""
READING = "validate"
"""Name of what `planner validate` warns of."""
