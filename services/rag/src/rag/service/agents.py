"""Agents: assistants that a person makes, for themselves or for a class that they teach."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, outbox, tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import SESSION_ENDED, Conflict, NotFound, Unauthenticated
from chassis.ids import new_id
from chassis.paging import Slice
from contracts.rag import AgentCreated, AgentDeleted, AgentShared
from contracts.tenancy import Tenant
from rag.crud import agents, documents, erased_users
from rag.errors import AGENT_HOLDS_OTHERS, AGENT_NOT_FOUND, AGENTS_FULL
from rag.models import Agent
from rag.service import permission

# Agent is what the door sees of one; the table behind it it does not.
__all__ = ["MAX_AGENTS", "Agent", "AgentService"]

MAX_AGENTS = 100


class AgentService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, caller: Principal, *, class_id: UUID | None, **texts: str) -> Agent:
        """`texts`: name, description, instructions.

        Raises:
            NotFound: a class that the caller is not in.
            Forbidden: one in which they do not teach.
            Conflict: they have as many as one may have.
            Unauthenticated: the user was erased meanwhile.
        """
        user_id = caller.user_id
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            if await erased_users.is_erased(session, user_id):
                raise Unauthenticated(SESSION_ENDED, headers={"WWW-Authenticate": "Bearer"})
            if await agents.count_to_add(session, user_id) >= MAX_AGENTS:
                raise Conflict(AGENTS_FULL, limit=MAX_AGENTS)
            place = await permission.taught(session, user_id, class_id)
            made = await agents.add(session, agent_id=new_id(), owner_id=user_id, **_columns(place), **texts)
            facts = {"agent_id": made.agent_id, "tenant": place, "version": made.version}
            await outbox.add(session, AgentCreated(**facts, created_at=now()))
            if class_id is not None:
                await _record(session, "agent.shared", caller, made)
        return made

    async def get(self, user_id: UUID, agent_id: UUID) -> Agent:
        """Raises NotFound: the same for another's as for none."""
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            return await permission.reachable_agent(session, user_id, agent_id)

    async def list_page(self, user_id: UUID, page: Slice, *, class_id: UUID | None, name: str | None) -> list[Agent]:
        """
        Raises:
            NotFound: a class that the user is not in, and in which they have no agent.
        """
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            open_classes = await permission.open_classes(session, user_id)
            found = await agents.list_page(
                session, page, user_id=user_id, class_ids=open_classes, class_id=class_id, name=name
            )
            if class_id is not None and not found and page.after is None:
                await permission.attended(session, user_id, class_id)
        return found

    async def change(self, caller: Principal, agent_id: UUID, changes: dict[str, Any]) -> Agent:
        """`changes`: columns; `class_id` None takes it back from its class.

        Raises:
            NotFound: not the caller's; or a class that they are not in.
            Forbidden: one in which they do not teach.
            Conflict: documents of another org are in it.
        """
        user_id = caller.user_id
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            found = await agents.get_for_update(session, agent_id, owner_id=user_id)
            if found is None:
                raise NotFound(AGENT_NOT_FOUND)
            if "class_id" in changes and changes["class_id"] != found.class_id:
                await self._move(session, caller, found, changes["class_id"])
            for column in changes.keys() - {"class_id"}:
                setattr(found, column, changes[column])
        return found

    async def delete(self, caller: Principal, agent_id: UUID) -> None:
        """Its documents stay, outside it; its conversations can be read and not gone on with. Raises NotFound."""
        async with self._database.transaction(tenant.of_user(caller.user_id)) as session:
            gone = await agents.delete_one(session, agent_id, owner_id=caller.user_id)
            if gone is None:
                raise NotFound(AGENT_NOT_FOUND)
            facts = {"agent_id": agent_id, "tenant": _tenant_of(gone), "version": gone.version + 1}
            await outbox.add(session, AgentDeleted(**facts, deleted_at=now()))
            await _record(session, "agent.deleted", caller, gone)

    async def _move(self, session: AsyncSession, caller: Principal, agent: Agent, class_id: UUID | None) -> None:
        place = await permission.taught(session, caller.user_id, class_id)
        scope = permission.agent_scope(agent.agent_id)
        if place.org_id and await documents.is_foreign_in(session, scope, owner_id=caller.user_id, org_id=place.org_id):
            raise Conflict(AGENT_HOLDS_OTHERS)
        if agent.class_id is not None:
            await _record(session, "agent.unshared", caller, agent)
        for column, value in _columns(place).items():
            setattr(agent, column, value)
        if class_id is not None:
            await _record(session, "agent.shared", caller, agent)
        agent.version += 1
        facts = {"agent_id": agent.agent_id, "tenant": place, "version": agent.version}
        await outbox.add(session, AgentShared(**facts, shared_at=now()))


def _columns(place: Tenant) -> dict[str, UUID | None]:
    return {"org_id": place.org_id, "partner_id": place.partner_id, "class_id": place.class_id}


def _tenant_of(agent: Agent) -> Tenant:
    return Tenant(org_id=agent.org_id, partner_id=agent.partner_id, class_id=agent.class_id, user_id=agent.owner_id)


async def _record(session: AsyncSession, action: str, caller: Principal, agent: Agent) -> None:
    await audit.record(
        session,
        action,
        actor=caller,
        target=f"agent/{agent.agent_id}",
        org_id=agent.org_id,
        partner_id=agent.partner_id,
        class_id=agent.class_id,
    )
