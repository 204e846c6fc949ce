"""The command line: parse, call the pipeline, print, exit code."""

from planner.cli.app import main

__all__ = ["main"]
