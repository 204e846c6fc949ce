"""The examples of the problem file reference; tests read each of them as the section it stands in."""

from __future__ import annotations

WHOLE = """\
apiVersion: planner/v1
metadata:
  name: support-chat
  description: Chat for support agents in Europe, busy by day.
periods:
  - {name: day, hours: 365}      # hours of each within one cycle, here a month of 730 h
  - {name: night, hours: 365}
workloads:
  - name: chat
    demand:
      rate: {day: 12 req/s, night: 2 req/s}
    input_tokens: {mean: 1200, p95: 3800}
    output_tokens: {mean: 220, p95: 700, maximum: 2048}
    shared_prefix: {tokens: 400, hit_rate: 95%}
    objectives:
      - {metric: ttft, percentile: 95, target: 500ms}
      - {metric: tpot, percentile: 95, target: 50ms}
    quality:
      - {benchmark: mmlu-pro, at_least: 60}
    data: {external_api: false, region_groups: [eu]}
limits:
  budget: $60k/month
  quotas:
    - {accelerator: "h100-*", gpus: 32}
solver: {gap: 1%, time_limit: 2min}
"""

SECTIONS = {
    "Demand": (
        "rate: 1.5M/day",
        "rate: {day: 12 req/s, night: 2 req/s}",
        "users: {active: 50k, requests_per_user: 12/day}\nprofile: {night: 0.1}",
        "rate: 12 req/s     # with a horizon\nshape: office_hours\ntimezone: 1\ngrowth: 8%/month\nlaunch: 2027-04",
        "trace: {path: traces/chat.csv, window: 5min}\nscale: 1.5        # half as much again as recorded\nburstiness: 2.5",
    ),
    "Horizon": ("start: 2027-01\nmonths: 36\nstep: quarter\ntypical_hours: 6",),
    "Event": ("name: sale\nfrom: 2027-11-22\nto: 2027-11-29\ntimes: 3",),
    "Lengths": (
        "mean: 1200\np95: 3800          # a log-normal through both",
        "percentiles: {p50: 400, p90: 1800, p99: 4000}",
        "histogram: [[256, 0.5], [1024, 0.3], [4096, 0.2]]",
        "trace: {path: traces/chat.csv}",
    ),
    "Objective": (
        "metric: ttft\npercentile: 95\ntarget: 500ms      # hard: a plan that misses it is no plan",
        "metric: e2e\npercentile: 99\ntarget: 30s\nprice_per_miss: $0.02   # soft: each slower request costs this much",
    ),
    "Limits": ('budget: $60k/month\npower: 120kW\nquotas:\n  - {accelerator: "h100-*", region: eu-central-1, gpus: 16}',),
    "Period": (
        "name: day\nhours: 365\nhours_of_day: [7, 19]   # in UTC; counts where energy prices or carbon differ by hour",
        "name: q1 night\nhours: 900\nmonths: [0, 3]",
    ),
    "Finance": ("discount_rate: 8%\ncarbon_price: $80/t",),
    "Energy": ("pue: 1.15",),
    "Site": ("name: hall-1\nregion: berlin\npower: 400kW\npue: 1.3\ncooling: 350kW\nracks: 10\nrack_power: 40kW",),
    "ProblemChoices": ('partitions: {allow: ["1g", "2g"]}\npower_points: {allow: ["*"]}',),
    "Choices": ('models: {allow: ["Qwen/*", "meta-llama/*"]}\noffers: {forbid: [spot]}',),
    "Autoscaling": (
        "cycle: 24h            # the periods come around once a day",
        "scaling: reactive\nimage: 0s\nweights: local_disk\ninit: 30s",
    ),
    "Failover": ('regions: [["eu-west-*"], ["eu-central-*", "eu-north-*"]]   # either may be down',),
    "CatalogUse": (
        "files: [our-prices.yaml]\noverrides:\n  owned:\n    our-h100-node:\n      capex: $310k   # replaces this field alone",
    ),
}
"""Definition → bodies of that section."""
