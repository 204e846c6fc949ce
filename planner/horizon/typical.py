"""Few typical hours in place of all hours: each has the highest rate of every workload among the hours it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Typical:
    """Typical hours, the busiest first."""

    rate: Floats
    """[hour, workload] highest rate of each workload among the hours that it stands for."""
    hours: Floats
    """[hour] how many hours each stands for [h]."""
    of: Ints
    """[row] the typical hour of each row."""


def typical_hours(rate: Floats, hours: Floats, most: int) -> Typical:
    """Gather hours in at most `most` groups, each led by the highest rate of every workload in it.

    rate of group c, workload w: R_cw = max over rows i of c of r_iw;   hours of group c: H_c = Σ over rows i of c of h_i

    Parameters
    ----------
    rate : [row, workload] any unit
    hours : [row] how many hours have these rates [h]
    most : groups wanted, at least 1

    Returns
    -------
    Typical
        Ordered by Σ_w R_cw / mean_w, the highest first.

    Notes
    -----
    Rows that are equal are one hour; if no more than `most` are left, nothing is overstated. Otherwise groups are merged two by
    two, always those whose merging adds least to what is overstated, Σ_c Σ_w (H_c R_cw − Σ_i h_i r_iw) / mean_w: rates are
    relative to each workload's mean, so that workloads count alike whatever their size. Groups for a smaller `most` are unions
    of those for a larger one, so what is overstated never rises with `most`. Cheapest merges first is no proof of the least
    overstatement; in mixes of the named shapes it is never above that of Ward's clustering (tests/horizon/test_typical.py).

    Examples
    --------
    >>> found = typical_hours(np.array([[1.0], [5.0], [6.0]]), np.array([10.0, 4.0, 2.0]), 2)
    >>> found.rate.tolist(), found.hours.tolist()
    ([[6.0], [1.0]], [6.0, 10.0])
    """
    mean = np.average(rate, axis=0, weights=hours)
    scale = np.where(mean > 0, mean, 1.0)
    points, first, point = np.unique(rate / scale, axis=0, return_index=True, return_inverse=True)
    point = point.reshape(-1)
    group = _gathered(points, np.bincount(point, weights=hours).astype(np.float64), most)
    lead = np.full((int(group.max()) + 1, rate.shape[1]), -np.inf)
    np.maximum.at(lead, group, rate[first])
    return _ordered(lead, scale, group[point], hours)


def _gathered(points: Floats, hours: Floats, most: int) -> Ints:
    """Return the group of each point, numbered from 0 without gaps."""
    lead, weight, group = points.copy(), hours.copy(), np.arange(len(points))
    if len(points) <= most:
        return group
    live = np.ones(len(points), dtype=bool)
    cost = np.stack([_added(lead, weight, live, one) for one in range(len(points))])
    for _ in range(len(points) - most):
        low, high = sorted(divmod(int(cost.argmin()), len(points)))
        lead[low] = np.maximum(lead[low], lead[high])
        weight[low] += weight[high]
        group[group == high] = low
        live[high] = False
        cost[high] = cost[:, high] = np.inf
        cost[low] = cost[:, low] = _added(lead, weight, live, low)
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def _added(lead: Floats, weight: Floats, live: NDArray[np.bool_], one: int) -> Floats:
    """Return what is overstated more if a group is merged with each of the others: H_a Σ(R_ab − R_a) + H_b Σ(R_ab − R_b)."""
    top = np.maximum(lead[one], lead)
    added: Floats = weight[one] * (top - lead[one]).sum(axis=1) + weight * (top - lead).sum(axis=1)
    added[~live] = np.inf
    added[one] = np.inf
    return added


def _ordered(lead: Floats, scale: Floats, group: Ints, hours: Floats) -> Typical:
    """Put the busiest first; among equals the one with the higher rate of the first workload that differs."""
    order = np.lexsort((*(-lead.T[::-1]), -(lead / scale).sum(axis=1)))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    of = place[group]
    return Typical(lead[order], np.bincount(of, weights=hours).astype(np.float64), of)
