"""What this service knows of users: what identity's events told."""

from chassis.database import Database
from chassis.delivery import Delivery
from contracts.identity import UserRegistered
from org_partner.crud import users


class UserService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, fact: UserRegistered, delivery: Delivery) -> None:
        """
        Raises:
            AlreadyHandled: this delivery's effect stands.
        """
        async with self._database.transaction(once=delivery) as session:
            await users.add(
                session,
                user_id=fact.user_id,
                email=fact.email.lower(),
                display_name=fact.display_name,
                registered_at=fact.registered_at,
            )
