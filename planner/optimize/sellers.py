"""At most so many sellers: who counts, what a bound may take for granted, and which few a quick plan tries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.optimize.program import Bools, Floats, Program
from planner.optimize.spend import nominal


def held(program: Program, machines: Floats) -> Bools:
    """[S] Sellers of whom any machine is held in any period, from machines [O, T]."""
    limit = program.sellers
    if limit is None:
        return np.zeros(0, dtype=bool)
    counts = np.zeros(limit.count, dtype=bool)
    used = (machines > 0).any(axis=1) & (limit.seller >= 0)
    counts[limit.seller[used]] = True
    return counts


def few_enough(program: Program, machines: Floats) -> bool:
    """Whether machines [O, T] come from no more sellers than are allowed."""
    return program.sellers is None or int(held(program, machines).sum()) <= program.sellers.most


def least(program: Program, values: Floats) -> float:
    """Return Σ of purchases' values [O], none above 0, of which only those of so many sellers may be taken: the lowest.

    min over sets S of at most n sellers: Σ_{o of no seller} v[o] + Σ_{s in S} Σ_{o of s} v[o]

    The limit is kept instead of being charged, so that the bound of `pricing` is that of a relaxation which has it.
    """
    limit = program.sellers
    if limit is None:
        return float(values.sum())
    counts = limit.seller >= 0
    each = np.bincount(limit.seller[counts], weights=values[counts], minlength=limit.count)
    return float(values[~counts].sum() + np.sort(each)[: limit.most].sum())


def narrowed(program: Program, machines: Floats) -> Program:
    """Return the program with machines of those sellers alone on whom a relaxation spends most, from machines [O, T]."""
    limit, buy = program.sellers, program.purchases
    if limit is None:
        return program
    counts = limit.seller >= 0
    spent = (nominal(program) * (machines @ program.hours))[counts]
    ranked = np.argsort(-np.bincount(limit.seller[counts], weights=spent, minlength=limit.count), kind="stable")
    left = ~counts | np.isin(limit.seller, ranked[: limit.most])
    return replace(program, purchases=replace(buy, limit=np.where(left, buy.limit, 0.0)))
