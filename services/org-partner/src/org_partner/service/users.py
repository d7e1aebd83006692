"""What this service knows of users: what identity's events told."""

from chassis import tenant
from chassis.database import Database
from chassis.delivery import Delivery
from contracts.identity import UserChanged, UserRegistered, UserStatus
from org_partner.crud import invitations, users
from org_partner.service import invitation_events, permission


class UserService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, fact: UserRegistered | UserChanged, delivery: Delivery) -> None:
        """Right in whatever order the facts come.

        Raises:
            AlreadyHandled: this delivery's effect stands.
        """
        if isinstance(fact, UserChanged) and fact.status is UserStatus.ANONYMISED:
            # `erase_user` forgets who is anonymised, and must still know the address when it does.
            return
        email = fact.email.lower()
        # Not told is not verified: whoever wrote it knew nothing of it.
        verified = fact.email_verified is True
        async with self._database.transaction(tenant.PLATFORM, once=delivery) as session:
            if isinstance(fact, UserRegistered):
                user = await users.add(
                    session,
                    user_id=fact.user_id,
                    email=email,
                    email_verified=verified,
                    display_name=fact.display_name,
                    told_at=fact.registered_at,
                )
            else:
                user = await users.update_told(
                    session,
                    user_id=fact.user_id,
                    version=fact.version,
                    email=email,
                    email_verified=verified,
                    display_name=fact.display_name,
                    status=fact.status.value,
                    told_at=fact.changed_at,
                )
            if user.status == UserStatus.ANONYMISED:
                # A fact that comes after the erasure tells the address for the first time.
                scope = permission.of_anonymised(fact.user_id)
                gone = await invitations.delete_of_user(session, scope, email=email if verified else None)
                for each in gone:
                    await invitation_events.ended(session, each, version=each.version + 1)
