"""Against guessing what lets its holder in: invite codes and the tokens of invitations, counted together.

Counted by account, exactly, and by address, where many accounts may come from. An address at its limit is shut to
those accounts alone that had a wrong one themselves: one pupil who guesses must not keep a whole school from its codes.
Whoever reaches a limit is told of to the audit log, once an hour.
"""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, origin
from chassis.errors import Message
from chassis.ids import new_id
from contracts.audit import AuditOutcome
from org_partner.crud import guessing_sources, refused_redemptions
from org_partner.crud.scopes import OwnScope
from org_partner.errors import TOO_MANY_WRONG_CODES_HERE
from org_partner.service.rate_limits import limited

# Wrong ones of one user in any hour. None is looked at beyond them, not even a right one.
MAX_REFUSALS = 20
WINDOW = timedelta(hours=1)
# Of all users behind one address within an hour of the clock: a whole school may share one. Beyond them an account has
# one wrong one, and right ones until then.
MAX_REFUSALS_AT_ADDRESS = 100


async def refuse(session: AsyncSession, scope: OwnScope, message: Message) -> None:
    """One try of a user at a time, until the end of the transaction.

    Raises:
        RateLimited: too many wrong ones within an hour.
    """
    await refused_redemptions.lock(session, scope)
    wait = await refused_redemptions.get_wait(session, scope, limit=MAX_REFUSALS, window=WINDOW)
    if wait is not None:
        raise limited(message, wait)
    source = _source()
    guessed = await refused_redemptions.get_wait(session, scope, limit=1, window=WINDOW) is not None
    if source is not None and guessed:
        seconds = await guessing_sources.get_wait(session, scope, source, limit=MAX_REFUSALS_AT_ADDRESS)
        if seconds is not None:
            raise limited(TOO_MANY_WRONG_CODES_HERE, timedelta(seconds=seconds))
    await refused_redemptions.delete_old(session, scope, window=WINDOW)


async def count(session: AsyncSession, scope: OwnScope) -> None:
    """A wrong one. The transaction must commit: an error raised inside of it would undo the count."""
    await refused_redemptions.add(session, scope, refusal_id=new_id())
    spent = await refused_redemptions.get_wait(session, scope, limit=MAX_REFUSALS, window=WINDOW) is not None
    # Whoever goes on for hours reaches the limit again and again; within one, only the first time is told.
    if spent and await guessing_sources.add(session, scope, f"user:{scope.user_id}") == 1:
        await _alarm(session, scope, source="account", refusals=MAX_REFUSALS)
    source = _source()
    if source is not None and await guessing_sources.add(session, scope, source) == MAX_REFUSALS_AT_ADDRESS:
        await _alarm(session, scope, source="address", refusals=MAX_REFUSALS_AT_ADDRESS)


def _source() -> str | None:
    """The customer whose line it is, as the gateway counts too: within an IPv6 line addresses cost nothing.

    What is no address counts as it is written: it must not be a way around the limit.
    """
    ip = origin.current().ip
    return None if ip is None else f"ip:{origin.host_of(ip) or ip}"


async def _alarm(session: AsyncSession, scope: OwnScope, *, source: str, refusals: int) -> None:
    await audit.record(
        session,
        "invite_code.guessing",
        actor=None,
        target=f"user/{scope.user_id}",
        outcome=AuditOutcome.REFUSED,
        source=source,
        refusals=refusals,
    )
