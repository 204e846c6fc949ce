"""The comment on a pull request: what is read first is open, and it is never too long for GitHub."""

from __future__ import annotations

import made_plans

from planner.domain.plan import Plan
from planner.report.comment import LIMIT, MARK, comment


def test_what_is_read_first_is_open_and_the_rest_is_folded(plan: Plan) -> None:
    text = comment(plan)
    open_, folded = text.split("<details>", 1)
    assert text.startswith(f"{MARK}\n## Plan for chat-and-documents\n")
    assert [line for line in open_.splitlines() if line.startswith("### ")] == [
        "### Warnings",
        "### Pools",
        "### Promises",
        "### Cost by workload",
    ]
    for title in ("Purchases", "Memory of one GPU", "Why this plan", "How it was found"):
        assert f"<summary>{title}</summary>" in folded
    assert text.count("<details>") == text.count("</details>")


def test_made_plans_fit_whole() -> None:
    for plan in (made_plans.quickstart(), made_plans.scenarios(), made_plans.levers()):
        assert len(comment(plan)) <= LIMIT
        assert "too long" not in comment(plan)


def test_a_plan_too_long_is_cut_by_whole_sections_which_are_counted(plan: Plan) -> None:
    """A thousand promises and facts: their tables go, what is read first stays."""
    promises = tuple(plan.promises[0].model_copy(update={"period": f"hour {number}"}) for number in range(1000))
    huge = plan.model_copy(update={"promises": promises, "facts": plan.facts * 200, "latencies": plan.latencies * 400})
    text = comment(huge)
    assert len(text) <= LIMIT
    assert "### Pools" in text
    assert text.count("<details>") == text.count("</details>")
    assert text.rstrip().endswith(
        "2 more sections are too long for a comment: `planner report plan.json -o report.html` shows all."
    )


def test_warnings_alone_may_be_too_long(plan: Plan) -> None:
    text = comment(plan.model_copy(update={"warnings": ("x" * 4000,) * 30}))
    assert len(text) <= LIMIT
    assert "1 more section is too long" in text
