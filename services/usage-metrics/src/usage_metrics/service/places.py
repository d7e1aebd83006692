"""Whether what an event says of org, partner and class agrees with what org-partner has told."""

from itertools import combinations
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.delivery import Delivery
from chassis.errors import Invalid, Unavailable
from usage_metrics.crud import places
from usage_metrics.errors import TENANT_DISAGREES, TENANT_UNSETTLED

# A partner that moves is told of on another stream: its new org may be named before we know of it. After three pauses,
# 7 s together, it is no matter of order any more.
PATIENT_TRIES = 3

type Chain = tuple[UUID | None, UUID | None, UUID | None]


async def check(session: AsyncSession, *chains: Chain, once: Delivery) -> None:
    """`chains`: (class, partner, org), each as far as it is named. Needs the platform's context.

    What is not known agrees with everything: events overtake the news of their class.

    Raises:
        Unavailable: they disagree so far.
        Invalid: they disagree; a wrong event, or a forged one.
    """
    pairs = {(lower, upper) for chain in chains for lower, upper in combinations(chain, 2) if lower and upper}
    above = await places.list_above(session, {lower for lower, _ in pairs}) if pairs else {}
    for lower, upper in pairs:
        if lower in above and upper not in above[lower]:
            if once.attempt <= PATIENT_TRIES and not once.redriven:
                raise Unavailable(TENANT_UNSETTLED, place_id=lower, above_id=upper)
            raise Invalid(TENANT_DISAGREES, place_id=lower, above_id=upper)


def pairs_of(chain: Chain) -> list[tuple[UUID, UUID]]:
    """What `crud.places` keeps of it: each in the one above."""
    class_id, partner_id, org_id = chain
    steps = ((class_id, partner_id), (partner_id, org_id))
    return [(lower, upper) for lower, upper in steps if lower and upper]
