"""Reads a policy: a YAML file, and what the command line says in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from planner.catalog import validate
from planner.catalog.yamlfile import KeyPath, read
from planner.domain.policy import RULES, Policy, option_of
from planner.errors import InvalidInput, Issue

EDGE = "command line"
POLICY_BYTES = 1_000_000
"""Largest policy file read [B]."""

_PAGE = "docs/gates.md has a file to start from, `planner schema policy` describes every field"
_HOW = "give limits as options or in a file named by --policy"


def load_policy(path: Path | None, given: Mapping[str, Any]) -> Policy:
    """Read a policy.

    Parameters
    ----------
    path : Path or None
        A YAML file; the path of the plan compared with is seen from it.
    given : Mapping
        Fields given as options, in the words of the command line; they override the file's.

    Returns
    -------
    Policy

    Raises
    ------
    InvalidInput
        With every mistake in both, or if no rule is left to check.
    """
    issues: list[Issue] = []
    parts = (_of_file(path, issues), _of_options(given, issues))
    validate.raise_if(issues)
    policy = parts[0].overridden(parts[1])
    if policy.against is not None and policy.max_increase is None:
        raise InvalidInput.at(EDGE, "there is a plan to compare with, and nothing to compare", "give --max-increase, such as 5%")
    if not policy.asked:
        rules = ", ".join(dict.fromkeys(map(option_of, RULES)))
        raise InvalidInput.at(EDGE, "no rule is given, so that nothing would be checked", f"{_HOW}: {rules}")
    return policy


def _of_file(path: Path | None, issues: list[Issue]) -> Policy:
    """Read a file; an empty policy after noting what is wrong."""
    if path is None:
        return Policy()
    try:
        policy = validate.validate(Policy, read(path, limit=POLICY_BYTES))
    except InvalidInput as error:
        issues += map(_about_policies, error.issues)
        return Policy()
    if policy.against is None:
        return policy
    return policy.model_copy(update={"against": str(path.parent / policy.against)})


def _about_policies(issue: Issue) -> Issue:
    """Point to what describes policies where files in general are pointed to what describes problems."""
    return replace(issue, remedy=_PAGE) if "`planner init`" in issue.remedy or "`planner schema`" in issue.remedy else issue


def _of_options(given: Mapping[str, Any], issues: list[Issue]) -> Policy:
    """Read options; an empty policy after noting what is wrong."""
    try:
        return Policy.model_validate(dict(given))
    except ValidationError as error:
        issues += validate.issues(error, Policy, given, _option)
        return Policy()


def _option(path: KeyPath) -> tuple[str, int, str]:
    """Place a mistake in the option that it is about."""
    return EDGE, 0, option_of(str(path[0])) if path else ""
