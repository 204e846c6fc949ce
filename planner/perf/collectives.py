"""Time of collectives by link type (handbook §4): t = α + (volume factor)·X/β.

Measured points are interpolated in log n. Beyond them nothing improves: α grows in proportion to the ring's length, and
a β that was falling keeps falling at its last slope. Groups wider than a node are composed of an inner and an outer part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.perf.columns import Columns
from planner.perf.step import Array


@dataclass(frozen=True)
class LinkCost(Columns):
    """A collective as fixed time and bandwidth."""

    alpha: Array
    """α [s]."""
    beta: Array
    """β [B/s]."""


def ring_share(n: Array) -> Array:
    """Return (n − 1)/n, the part of a message that leaves its device [1]."""
    return (n - 1.0) / n


def transfer_time(volume: Array, beta: Array) -> Array:
    """Return volume/β [s], and 0 where nothing is sent, whatever β is there."""
    volume, beta = np.broadcast_arrays(np.asarray(volume, float), np.asarray(beta, float))
    return np.divide(volume, beta, out=np.zeros(volume.shape), where=volume > 0)


def allreduce_time(volume: Array, n: Array, link: LinkCost) -> Array:
    """Return the time of an all-reduce.

    t = α_n + 2(n − 1)/n·X/β_n,  0 for n = 1

    Parameters
    ----------
    volume : X, bytes every device contributes [B]
    n : devices [1]
    link : α_n [s] and bus bandwidth β_n [B/s]

    Returns
    -------
    t [s]

    Notes
    -----
    Idle link, 256 B to 1 GB; 5–26 % error for mid sizes (handbook §4).

    References
    ----------
    NCCL bus-bandwidth convention (nccl-tests PERFORMANCE.md); handbook §4.
    """
    return np.where(np.asarray(n) > 1, link.alpha, 0.0) + transfer_time(2.0 * ring_share(n) * volume, link.beta)


def p2p_time(volume: Array, link: LinkCost) -> Array:
    """Return the time of a point-to-point transfer, t = α + X/β [s] (handbook §4: NVLink 7.6 µs + 357 GB/s)."""
    return link.alpha + transfer_time(volume, link.beta)


def alltoall_time(volume: Array, n: Array, link: LinkCost) -> Array:
    """Return the time of one all-to-all.

    t = α + X·(n − 1)/n/β,  0 for n = 1

    Parameters
    ----------
    volume : X = T·k·h·b, bytes every device sends, its own share included [B]
    n : devices [1]
    link : α [s] and bandwidth per device β [B/s]

    Returns
    -------
    t [s]

    References
    ----------
    Handbook §4, generic all-to-all.
    """
    return np.where(np.asarray(n) > 1, link.alpha, 0.0) + transfer_time(ring_share(n) * volume, link.beta)


def interpolate_points(n: Array, points: NDArray[np.float64]) -> LinkCost:
    """Return α and β of an all-reduce over n devices from measured points.

    Between points: linear in log n (β in log β). Beyond the last: α ∝ n, and β keeps its last log-log slope if that is
    negative, else stays. Below the first: the first point.

    Parameters
    ----------
    n : devices [1]
    points : rows (n, α [s], β [B/s]), ascending in n

    Returns
    -------
    α_n, β_n; shape of n

    Notes
    -----
    α ∝ n is the latency of a ring; tree algorithms do better, so large groups are rather over- than under-estimated.

    References
    ----------
    Handbook §4 (tables); GenZ collective_times.py for the ring latency.
    """
    count = np.asarray(n, float)
    size, alpha, log_beta = np.log(points[:, 0]), points[:, 1], np.log(points[:, 2])
    place = np.log(count)
    beyond = np.maximum(place - size[-1], 0.0)
    slope = min(0.0, float((log_beta[-1] - log_beta[-2]) / (size[-1] - size[-2]))) if len(points) > 1 else 0.0
    return LinkCost(
        alpha=np.interp(place, size, alpha) * np.exp(beyond),
        beta=np.exp(np.interp(place, size, log_beta) + slope * beyond),
    )


def nominal_allreduce(n: Array, link_bandwidth: Array, efficiency: Array, hop_alpha: Array) -> LinkCost:
    """Return α and β of a ring all-reduce where nothing was measured.

    α = 2(n − 1)·α_hop,  β = efficiency·link rate

    Parameters
    ----------
    n : devices [1]
    link_bandwidth : nominal rate per device, one direction [B/s]
    efficiency : share of it reached [1]
    hop_alpha : point-to-point latency [s]

    Returns
    -------
    α, β

    Notes
    -----
    An assumption, to be marked as such in reports. Fabrics whose devices share one host bridge fall far below it
    (L40S over PCIe: 19, 4.4, 2 GB/s at n = 2, 4, 8), so a measured point is wanted there.

    References
    ----------
    GenZ collective_times.py; handbook §4.
    """
    return LinkCost(alpha=2.0 * (np.asarray(n, float) - 1.0) * hop_alpha, beta=np.asarray(link_bandwidth * efficiency))


def hierarchical_allreduce(inner: LinkCost, outer: LinkCost, devices: Array, nodes: Array) -> LinkCost:
    """Return the all-reduce over m devices in each of k nodes as one α and β.

    Reduce-scatter and all-gather inside the node, all-reduce of X/m between the nodes:
    t = α_in + α_out + 2(m − 1)/m·X/β_in + 2(k − 1)/k·(X/m)/β_out

    Parameters
    ----------
    inner : all-reduce over the m devices of a node
    outer : all-reduce over k nodes, bandwidth per device's network adapter
    devices : m, devices of the group in one node [1]
    nodes : k [1]

    Returns
    -------
    α, β of the whole group, n = m·k; `inner` where k = 1, `outer` where m = 1

    Notes
    -----
    β_out is the network rate per device: what a node has, divided by m. The form assumes every device drives its own share
    of the network. Two 8×A100 nodes measured at 155 µs + 15 GB/s (handbook §4, 30 % error) reached a tenth of that, so
    where an all-reduce over n > m devices was measured, `interpolate_points` on those points is the one to use.

    References
    ----------
    NCCL hierarchical algorithms; Vidur network profiles (handbook §4).
    """
    m, k = np.asarray(devices, float), np.asarray(nodes, float)
    per_byte = transfer_time(2.0 * ring_share(m), inner.beta) + transfer_time(2.0 * ring_share(k) / m, outer.beta)
    whole = 2.0 * ring_share(m * k)
    return LinkCost(
        alpha=np.where(m > 1, inner.alpha, 0.0) + np.where(k > 1, outer.alpha, 0.0),
        beta=np.divide(whole, per_byte, out=np.full(np.shape(per_byte), np.inf), where=per_byte > 0),
    )


def hierarchical_alltoall(inner: LinkCost, outer: LinkCost, devices: Array, nodes: Array) -> LinkCost:
    """Return the all-to-all over m devices in each of k nodes as one α and β.

    Both links carry their share at once:
    t = α_in + [k > 1]·α_out + X·max((m − 1)/n/β_in, (n − m)/n/β_out),  n = m·k

    Parameters
    ----------
    inner : link inside the node
    outer : link between nodes, bandwidth per device's network adapter
    devices : m, devices of the group in one node [1]
    nodes : k [1]

    Returns
    -------
    α, β of the whole group

    Notes
    -----
    9–14 % below the slopes of DeepEP low-latency kernels on 2 and 8 nodes of 8×H100 with 50 GB/s per adapter.

    References
    ----------
    aiconfigurator wideep table (handbook §4); DeepEP README.
    """
    m, k = np.asarray(devices, float), np.asarray(nodes, float)
    n = m * k
    per_byte = np.maximum(transfer_time((m - 1.0) / n, inner.beta), transfer_time((n - m) / n, outer.beta))
    return LinkCost(
        alpha=np.where(m > 1, inner.alpha, 0.0) + np.where(k > 1, outer.alpha, 0.0),
        beta=np.divide(ring_share(n), per_byte, out=np.full(np.shape(per_byte), np.inf), where=per_byte > 0),
    )
