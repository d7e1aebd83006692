"""Against guessing what lets its holder in: invite codes and the tokens of invitations, counted together."""

import math
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Message, RateLimited
from chassis.ids import new_id
from org_partner.crud import refused_redemptions
from org_partner.crud.scopes import OwnScope

# Wrong ones of one user in any hour. None is looked at beyond them, not even a right one.
MAX_REFUSALS = 20
WINDOW = timedelta(hours=1)


async def refuse(session: AsyncSession, scope: OwnScope, message: Message) -> None:
    """One try of a user at a time, until the end of the transaction.

    Raises:
        RateLimited: too many wrong ones within an hour.
    """
    await refused_redemptions.lock(session, scope)
    wait = await refused_redemptions.get_wait(session, scope, limit=MAX_REFUSALS, window=WINDOW)
    if wait is not None:
        seconds = max(1, math.ceil(wait.total_seconds()))
        minutes = math.ceil(seconds / 60)
        raise RateLimited(message, headers={"Retry-After": str(seconds)}, retry_after_minutes=minutes)
    await refused_redemptions.delete_old(session, scope, window=WINDOW)


async def count(session: AsyncSession, scope: OwnScope) -> None:
    """A wrong one. The transaction must commit: an error raised inside of it would undo the count."""
    await refused_redemptions.add(session, scope, refusal_id=new_id())
