"""What a partner is due of a revenue. Whole minor units in, whole minor units out; no float on the way."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Kind = Literal["share", "fixed_fee"]
Rounding = Literal["down", "half_up", "half_even"]

_WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class Tier:
    """From this much revenue on, this share of what is beyond it, in basis points."""

    from_amount: int
    share_bps: int


@dataclass(frozen=True, slots=True)
class Terms:
    """`share`: `share_bps` up to the first tier, `tiers` ascending. `fixed_fee`: the fee, whatever the revenue."""

    kind: Kind
    share_bps: int | None
    fixed_fee: int | None
    tiers: tuple[Tier, ...]
    minimum_amount: int
    currency: str
    rounding: Rounding


def settle(terms: Terms, revenue: int) -> int:
    """The partner's part, and at least the minimum. A tier's share holds for what is beyond its amount alone, so more
    revenue never brings less.
    """
    due = terms.fixed_fee or 0 if terms.kind == "fixed_fee" else _rounded(_parts(terms, revenue), terms.rounding)
    return max(due, terms.minimum_amount)


def are_ascending(tiers: tuple[Tier, ...]) -> bool:
    amounts = [tier.from_amount for tier in tiers]
    return all(lower < higher for lower, higher in pairwise(amounts))


def _parts(terms: Terms, revenue: int) -> int:
    """The exact share in ten-thousandths of a minor unit."""
    starts = [Tier(0, terms.share_bps or 0), *terms.tiers]
    ends = [tier.from_amount for tier in terms.tiers] + [revenue]
    return sum(
        max(0, min(end, revenue) - tier.from_amount) * tier.share_bps for tier, end in zip(starts, ends, strict=True)
    )


def _rounded(parts: int, rounding: Rounding) -> int:
    whole, rest = divmod(parts, _WHOLE)
    is_up = {
        "down": False,
        "half_up": 2 * rest >= _WHOLE,
        "half_even": 2 * rest > _WHOLE or (2 * rest == _WHOLE and whole % 2 == 1),
    }[rounding]
    return whole + is_up
