"""What this service knows of users: what identity's events told."""

from chassis.database import Database
from chassis.delivery import Delivery
from contracts.identity import UserChanged, UserRegistered, UserStatus
from org_partner.crud import users


class UserService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, fact: UserRegistered | UserChanged, delivery: Delivery) -> None:
        """Right in whatever order the facts come.

        Raises:
            AlreadyHandled: this delivery's effect stands.
        """
        async with self._database.transaction(once=delivery) as session:
            if isinstance(fact, UserRegistered):
                await users.add(
                    session,
                    user_id=fact.user_id,
                    email=fact.email.lower(),
                    display_name=fact.display_name,
                    told_at=fact.registered_at,
                )
            # Who is anonymised is forgotten by `erase_user`, which must still know the address when it does.
            elif fact.status is not UserStatus.ANONYMISED:
                await users.update_told(
                    session,
                    user_id=fact.user_id,
                    version=fact.version,
                    email=fact.email.lower(),
                    display_name=fact.display_name,
                    status=fact.status.value,
                    told_at=fact.changed_at,
                )
