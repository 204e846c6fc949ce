from __future__ import annotations

import pytest

from planner.domain.offers import OwnedOffer
from planner.supply.machine import lost_share, machine_power, useful_hour


def test_rated_power_of_an_h100_node() -> None:
    # Latif et al. 2025: 8×H100 (700 W boards) is rated 10.2 kW.
    assert machine_power(8, 700.0) == pytest.approx(10_200.0)
    # Half the boards, half the draw.
    assert machine_power(4, 700.0) == pytest.approx(5_100.0)


def test_spot_price_is_inflated_by_time_lost() -> None:
    # ν = 0.05 /h, T = 600 s = 1/6 h: lost 1/120 of the time, so $2 becomes 2/(119/120) = 240/119 = 2.016807.
    assert lost_share(0.05, 600.0) == pytest.approx(1 / 120)
    assert useful_hour(2.0, 1 / 120) == pytest.approx(240 / 119)
    # ν = 0.7 /h (the highest published), T = 30 min: 35 % lost, $2 → 2/0.65.
    assert useful_hour(2.0, lost_share(0.7, 1800.0)) == pytest.approx(3.076923, rel=1e-6)


def test_no_interruptions_no_inflation() -> None:
    assert useful_hour(2.0, lost_share(0.0, 600.0)) == 2.0


def offer(**fields: object) -> OwnedOffer:
    base = {
        "source": "quote", "as_of": "2026", "instance": "dgx/h100", "region": "berlin", "region_group": "eu", "capex": "$300000",
        "power": "10.2kW", "energy_price": "$0.08/kWh",
    }  # fmt: skip
    return OwnedOffer.model_validate({**base, **fields})


def test_owned_machine_by_hand() -> None:
    # Handbook §9 with r = 8 %, n = 4 (defaults): 1.08⁴ = 1.36048896,
    # CRF = 0.08·1.36048896/0.36048896 = 0.301920804, ×300,000 = 90,576.24 $/y = 10.339753 $/h;
    # energy 1.56·10.2 kW·0.08 = 1.272960 $/h.
    assert offer().hourly == pytest.approx(10.339753 + 1.272960, rel=1e-6)


def test_owned_machine_with_salvage_and_opex() -> None:
    # Sinking fund = 0.08/0.36048896 = 0.221920804 = CRF − r; salvage 20 % of 300,000 returns 60,000·0.221920804 = 13,315.25 $/y;
    # opex 26,280 $/y = 3 $/h: (90,576.24 − 13,315.25)/8760 + 3 + 1.27296 = 8.819748 + 4.27296.
    assert offer(salvage=0.2, yearly_opex="$26280").hourly == pytest.approx(8.819748 + 4.272960, rel=1e-6)


def test_free_capital_is_straight_line() -> None:
    # r = 0: 300,000/4/8760 = 8.561644 $/h.
    assert offer(discount_rate=0.0).hourly == pytest.approx(8.561644 + 1.272960, rel=1e-6)
    assert offer(discount_rate=1e-6).hourly == pytest.approx(offer(discount_rate=0.0).hourly, rel=1e-5)
