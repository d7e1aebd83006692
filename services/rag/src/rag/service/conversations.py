"""Conversations: opening, listing, reading, deleting."""

from collections.abc import Sequence
from uuid import UUID

from chassis import audit, tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import SESSION_ENDED, NotFound, Unauthenticated
from chassis.ids import new_id
from chassis.paging import Slice
from rag.crud import conversations, erased_users, messages
from rag.errors import CONVERSATION_NOT_FOUND
from rag.models import Conversation, Message
from rag.service import permission


class ConversationService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(
        self,
        user_id: UUID,
        *,
        title: str,
        class_id: UUID | None,
        document_ids: Sequence[UUID],
        project_id: UUID | None = None,
        agent_id: UUID | None = None,
    ) -> Conversation:
        """
        Raises:
            NotFound: a class, project, agent or document that is not the caller's to see.
            Invalid: more than one place to search in, or to pay for it.
            Unauthenticated: the user was erased meanwhile.
        """
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            if await erased_users.is_erased(session, user_id):
                raise Unauthenticated(SESSION_ENDED, headers={"WWW-Authenticate": "Bearer"})
            places = {"project_id": project_id, "agent_id": agent_id}
            allowed = await permission.searchable(
                session, user_id, class_id=class_id, document_ids=document_ids, **places
            )
            return await conversations.add(
                session,
                conversation_id=new_id(),
                user_id=user_id,
                org_id=allowed.tenant.org_id,
                partner_id=allowed.tenant.partner_id,
                class_id=allowed.tenant.class_id,
                **places,
                title=title,
                document_ids=list(allowed.document_ids),
            )

    async def get(self, user_id: UUID, conversation_id: UUID) -> Conversation:
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            found = await conversations.get(session, conversation_id, user_id=user_id)
        if found is None:
            raise NotFound(CONVERSATION_NOT_FOUND)
        return found

    async def list_page(
        self,
        user_id: UUID,
        page: Slice,
        *,
        title: str | None,
        class_id: UUID | None = None,
        project_id: UUID | None = None,
        agent_id: UUID | None = None,
    ) -> list[Conversation]:
        """
        Raises:
            NotFound: a class, project or agent that is not the user's, and in which they have no conversation.
        """
        places = {"class_id": class_id, "project_id": project_id, "agent_id": agent_id}
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            found = await conversations.list_page(session, page, user_id=user_id, title=title, **places)
            # Whoever has left a class, or lost an agent, may still ask for what they once said there.
            if not found and page.after is None:
                if class_id is not None:
                    await permission.attended(session, user_id, class_id)
                if project_id is not None:
                    await permission.owned_project(session, user_id, project_id)
                if agent_id is not None:
                    await permission.reachable_agent(session, user_id, agent_id)
        return found

    async def list_messages(
        self, user_id: UUID, conversation_id: UUID, page: Slice, *, role: str | None = None
    ) -> list[Message]:
        """Raises NotFound."""
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            if await conversations.get(session, conversation_id, user_id=user_id) is None:
                raise NotFound(CONVERSATION_NOT_FOUND)
            return await messages.list_page(session, page, conversation_id=conversation_id, role=role)

    async def delete(self, caller: Principal, conversation_id: UUID) -> None:
        """Its messages go with it; the usage they cost stays in the ledger. Raises NotFound."""
        async with self._database.transaction(tenant.of_user(caller.user_id)) as session:
            deleted = await conversations.delete_one(session, conversation_id, user_id=caller.user_id)
            if deleted is None:
                raise NotFound(CONVERSATION_NOT_FOUND)
            await audit.record(
                session,
                "conversation.deleted",
                actor=caller,
                target=f"conversation/{conversation_id}",
                org_id=deleted.org_id,
                partner_id=deleted.partner_id,
                class_id=deleted.class_id,
            )
