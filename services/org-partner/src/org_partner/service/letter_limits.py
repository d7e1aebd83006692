"""How many letters leave: enough for every class, too few to flood a mailbox or to spoil the platform's good name.

Counted exactly, in the transaction that writes the letter: one that is not committed does not count.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contracts import digests
from org_partner.crud import sent_letters
from org_partner.crud.scopes import AnyScope, place_of
from org_partner.errors import TOO_MANY_LETTERS, TOO_MANY_LETTERS_OF_PARTNER, TOO_MANY_LETTERS_TO_ADDRESS
from org_partner.service.rate_limits import limited

# To one address, whoever writes.
MAX_TO_ADDRESS = 3
ADDRESS_WINDOW = timedelta(minutes=15)
# Of one org with all its partners.
MAX_OF_ORG = 500
# Of one partner: it leaves something to the others of its org.
MAX_OF_PARTNER = 300
ORG_WINDOW = timedelta(days=1)


async def spend(session: AsyncSession, scope: AnyScope, email: str) -> None:
    """One letter.

    Raises:
        RateLimited: the org or the partner has written too many today, or the address has got too many just now.
    """
    await sent_letters.lock(session, scope)
    for partner_id, limit in _limits(scope).items():
        wait = await sent_letters.get_wait(session, scope, partner_id=partner_id, limit=limit, window=ORG_WINDOW)
        if wait is not None:
            raise limited(TOO_MANY_LETTERS if partner_id is None else TOO_MANY_LETTERS_OF_PARTNER, wait)
    waits = await _lock_addresses(session, scope, [email])
    if waits:
        raise limited(TOO_MANY_LETTERS_TO_ADDRESS, waits[email])
    await record(session, scope, [email])


async def affordable(session: AsyncSession, scope: AnyScope, emails: Sequence[str]) -> Collection[str]:
    """Those that may get one letter each, the first ones first. They are not counted before `record`."""
    await sent_letters.lock(session, scope)
    left = [
        limit - await sent_letters.count(session, scope, partner_id=partner_id, window=ORG_WINDOW)
        for partner_id, limit in _limits(scope).items()
    ]
    first = emails[: max(0, min(left))]
    waits = await _lock_addresses(session, scope, first)
    return {email for email in first if email not in waits}


async def record(session: AsyncSession, scope: AnyScope, emails: Sequence[str]) -> None:
    await sent_letters.add_many(session, scope, [digests.of_address(email) for email in emails])


def _limits(scope: AnyScope) -> dict[UUID | None, int]:
    """Of all who write this letter: the org, and the partner where it is one's."""
    partner_id = place_of(scope)["partner_id"]
    return {None: MAX_OF_ORG} | ({} if partner_id is None else {partner_id: MAX_OF_PARTNER})


async def _lock_addresses(session: AsyncSession, scope: AnyScope, emails: Sequence[str]) -> dict[str, timedelta]:
    """How long those must wait that get none now; nobody else writes to any of them until the transaction ends."""
    by_hash = {digests.of_address(email): email for email in emails}
    await sent_letters.lock_addresses(session, scope, by_hash)
    waits = await sent_letters.list_waits(session, scope, by_hash, limit=MAX_TO_ADDRESS, window=ADDRESS_WINDOW)
    return {by_hash[digest]: wait for digest, wait in waits.items()}
