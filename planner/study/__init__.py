"""Many solves: relaxations, frontiers, scenarios."""
