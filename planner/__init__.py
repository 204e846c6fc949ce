"""Inference Planner: the least-cost way to serve a workload mix within its promises, with the proof."""

__version__ = "0.1.0"
