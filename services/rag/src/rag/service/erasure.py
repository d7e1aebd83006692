"""Erasing an anonymised user: their conversations with all messages, their projects and agents, and what is known of
their documents and parts.
"""

from uuid import UUID

from chassis import dead_letters, outbox, tenant
from chassis.clock import now
from chassis.database import Database
from chassis.delivery import Delivery
from contracts.rag import PersonalDataErased
from rag.crud import agents, conversations, documents, erased_users, memberships, messages, projects


class ErasureService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase(self, user_id: UUID, *, once: Delivery) -> None:
        """Erasure, report and inbox mark commit together. An answer that is being written finds no place any more."""
        async with self._database.transaction(tenant.PLATFORM, once=once) as session:
            if not await erased_users.add(session, user_id):
                return
            own = await conversations.list_ids_of_user_for_update(session, user_id)
            erased = {
                "user.messages": await messages.delete_of_conversations(session, own),
                "user.conversations": await conversations.delete_of_user(session, user_id),
                "user.projects": await projects.delete_of_user(session, user_id),
                "user.agents": await agents.delete_of_user(session, user_id),
                "rag.documents": await documents.update_forgotten(session, user_id),
                "rag.memberships": await memberships.delete_of_user(session, user_id),
                "rag.dead_letters": await dead_letters.redact(session, user_id, fields={"title"}),
            }
            remaining = await conversations.count_of_user(session, user_id)
            remaining += await projects.count_of_user(session, user_id) + await agents.count_of_user(session, user_id)
            remaining += await memberships.count_of_user(session, user_id)
            report = PersonalDataErased(user_id=user_id, erased=erased, remaining=remaining, erased_at=now())
            await outbox.add(session, report)
