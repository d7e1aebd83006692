"""What a partner is due, held against exact fractions."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from org_partner.service.settlement import Terms, Tier, are_ascending, settle

MODES = {"down": ROUND_DOWN, "half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN}
AMOUNT = st.integers(0, 10**15)
BPS = st.integers(0, 10_000)


@st.composite
def shares(draw) -> Terms:
    starts = draw(st.lists(st.integers(1, 10**9), max_size=20, unique=True).map(sorted))
    return Terms(
        kind="share",
        share_bps=draw(BPS),
        fixed_fee=None,
        tiers=tuple(Tier(start, draw(BPS)) for start in starts),
        minimum_amount=draw(st.sampled_from([0, 0, 1, 50_000, 10**12])),
        currency="KRW",
        rounding=draw(st.sampled_from(list(MODES))),
    )


def share(bps: int, *tiers: tuple[int, int], minimum: int = 0, rounding: str = "down") -> Terms:
    return Terms("share", bps, None, tuple(Tier(*tier) for tier in tiers), minimum, "KRW", rounding)


def exact(terms: Terms, revenue: int) -> Fraction:
    """Unit of revenue by unit of revenue, in whole stretches: each at the rate of the tier that it falls into."""
    total, below, rate = Fraction(0), 0, terms.share_bps
    for tier in terms.tiers:
        total += Fraction(max(0, min(tier.from_amount, revenue) - below) * rate, 10_000)
        below, rate = tier.from_amount, tier.share_bps
    return total + Fraction(max(0, revenue - below) * rate, 10_000)


@given(shares(), AMOUNT)
def test_a_share_is_the_exact_one_rounded_as_agreed(terms, revenue) -> None:
    with localcontext(prec=60):
        due = Decimal(int(exact(terms, revenue) * 10_000)) / 10_000
        rounded = int(due.quantize(Decimal(1), rounding=MODES[terms.rounding]))

    assert settle(terms, revenue) == max(rounded, terms.minimum_amount)


@given(shares(), AMOUNT, AMOUNT)
def test_more_revenue_never_brings_less(terms, one, other) -> None:
    lower, higher = sorted((one, other))

    assert settle(terms, lower) <= settle(terms, higher)


@given(shares(), AMOUNT)
def test_it_is_a_whole_number_between_the_minimum_and_all_there_is(terms, revenue) -> None:
    due = settle(terms, revenue)

    assert type(due) is int
    assert terms.minimum_amount <= due <= max(revenue, terms.minimum_amount)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30), BPS, st.sampled_from(list(MODES)))
def test_months_apart_and_together_differ_by_less_than_a_unit_each(revenues, bps, rounding) -> None:
    terms = share(bps, rounding=rounding)

    apart, together = sum(settle(terms, revenue) for revenue in revenues), settle(terms, sum(revenues))

    assert abs(apart - together) <= len(revenues)


@given(AMOUNT, st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_fixed_fee_is_the_same_whatever_the_revenue(revenue, fee, minimum) -> None:
    terms = Terms("fixed_fee", None, fee, (), minimum, "KRW", "down")

    assert settle(terms, revenue) == max(fee, minimum)


@pytest.mark.parametrize(
    ("terms", "revenue", "due"),
    [
        (share(6_000), 0, 0),
        (share(6_000), 1_000_000, 600_000),
        (share(6_000), 9_999, 5_999),
        (share(10_000), 12_345, 12_345),
        (share(0), 12_345, 0),
        (share(6_000, (10_000_000, 7_000)), 10_000_000, 6_000_000),
        (share(6_000, (10_000_000, 7_000)), 10_000_001, 6_000_000),
        (share(6_000, (10_000_000, 7_000)), 20_000_000, 13_000_000),
        (share(6_000, (10_000_000, 7_000), (20_000_000, 0)), 50_000_000, 13_000_000),
        (share(6_000, minimum=50_000), 1_000, 50_000),
        (share(6_000, minimum=50_000), 100_000, 60_000),
        (share(5_000, rounding="half_up"), 1, 1),
        (share(5_000, rounding="half_even"), 1, 0),
        (share(5_000, rounding="half_even"), 3, 2),
        (share(5_000, rounding="down"), 3, 1),
        (share(4_999, rounding="half_up"), 1, 0),
        (share(5_001, rounding="half_even"), 1, 1),
    ],
)
def test_by_hand(terms, revenue, due) -> None:
    assert settle(terms, revenue) == due


@pytest.mark.parametrize(
    ("starts", "ascending"),
    [((), True), ((1,), True), ((1, 2, 3), True), ((1, 1), False), ((2, 1), False), ((1, 3, 2), False)],
)
def test_tiers_ascend(starts, ascending) -> None:
    assert are_ascending(tuple(Tier(start, 1) for start in starts)) is ascending
