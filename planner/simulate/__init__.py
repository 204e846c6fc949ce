"""An iteration-level simulator that judges plans: it shares τ with `planner.perf` and none of the queueing formulas."""
