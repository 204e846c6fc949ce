"""What one machine draws, and what an hour on one that can be taken away really costs."""

from __future__ import annotations

HOST_FACTOR = 10_200.0 / (8 * 700.0)
"""Machine power over the sum of its boards' limits [1]: an 8×H100 node is rated 10.2 kW (Latif et al. 2025, handbook §8) and its
boards 700 W each (H100 SXM datasheet). Assumed of every other machine, which is high for machines of a single small card."""

DEFAULT_PUE = 1.56
"""Facility power over IT power where nothing else is said: survey average 2024 (handbook §8) [1]."""

SECONDS_PER_HOUR = 3600.0


def machine_power(accelerators: int, board_power: float) -> float:
    """Return the draw to provide for one machine, host included.

    P = n · TDP · 1.82

    Parameters
    ----------
    accelerators : int
        n, accelerators of the machine [1].
    board_power : float
        TDP, power limit of one board [W].

    Returns
    -------
    float [W]

    Notes
    -----
    A rated figure, so an upper one: the same node drew 8.4 kW at most while training. Facility overhead (PUE) is not in it.

    References
    ----------
    Handbook §8 (Latif et al. 2025).
    """
    return accelerators * board_power * HOST_FACTOR


def lost_share(interruptions_per_hour: float, restart: float) -> float:
    """Return the share of paid time that interruptions take.

    ν · T_restart

    Parameters
    ----------
    interruptions_per_hour : float
        ν, interruptions of one machine [1/h].
    restart : float
        T_restart, time lost at each: image, weights, warm-up and the work in hand [s].

    Returns
    -------
    float [1]
    """
    return interruptions_per_hour * restart / SECONDS_PER_HOUR


def useful_hour(price: float, lost: float) -> float:
    """Return the cost of one hour of use on a machine that loses part of its paid time.

    c / (1 − ν·T_restart)

    Parameters
    ----------
    price : float
        c, price of a paid hour [$/h].
    lost : float
        ν·T_restart, share of paid time lost, below 1 [1].

    Returns
    -------
    float [$/h]

    Notes
    -----
    A mean over many interruptions; it prices the machines that stand in during restarts but not the requests that fail.

    References
    ----------
    Handbook §9: c/(1 − ν(T_restart + T_lost)); here one time stands for both.
    """
    return price / (1.0 - lost)
