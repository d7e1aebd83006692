from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from rag.api.wired import Services
from rag.schemas.agents import AgentIn, AgentOut, AgentPatch
from rag.schemas.fields import AN_ID, NO_NUL
from rag.service.agents import Agent

router = APIRouter(tags=["agents"])

# Forbidden: also an API key that does not reach the route.
_ERRORS = (Unauthenticated, Forbidden, NotFound, Invalid, RateLimited, Unavailable)


@router.post("/agents", status_code=201, responses=responses(*_ERRORS, Conflict))
async def create_agent(body: AgentIn, caller: Caller, services: Services, response: Response) -> AgentOut:
    """An assistant of your own making, for yourself or for a class that you teach; 100 at most."""
    row = await services.agents.create(caller, **body.model_dump())
    response.headers["Location"] = f"/agents/{row.agent_id}"
    return _shown(row, caller.user_id)


@router.get("/agents", responses=responses(*_ERRORS))
async def list_agents(
    caller: Caller,
    services: Services,
    page: PageSlice,
    class_id: Annotated[UUID | None, Query(description="Of this class alone", examples=[AN_ID])] = None,
    name: Annotated[
        str | None, Query(max_length=100, pattern=NO_NUL, description="Part of the name", examples=["과제"])
    ] = None,
) -> Page[AgentOut]:
    """Your own and those of your classes, newest first."""
    rows = await services.agents.list_page(caller.user_id, page, class_id=class_id, name=name)
    return page_of(
        rows,
        page,
        place=lambda row: (row.created_at, row.agent_id),
        item=lambda row: _shown(row, caller.user_id),
    )


@router.get("/agents/{agent_id}", responses=responses(*_ERRORS))
async def read_agent(agent_id: UUID, caller: Caller, services: Services) -> AgentOut:
    return _shown(await services.agents.get(caller.user_id, agent_id), caller.user_id)


@router.patch("/agents/{agent_id}", responses=responses(*_ERRORS, Conflict))
async def change_agent(agent_id: UUID, body: AgentPatch, caller: Caller, services: Services) -> AgentOut:
    """Its owner changes it. Setting the class opens its documents to the class's people, through the agent alone."""
    return _shown(await services.agents.change(caller, agent_id, body.changes()), caller.user_id)


@router.delete("/agents/{agent_id}", status_code=204, responses=responses(*_ERRORS))
async def delete_agent(agent_id: UUID, caller: Caller, services: Services) -> Response:
    """Its documents stay with you; conversations with it can be read and not gone on with."""
    await services.agents.delete(caller, agent_id)
    return Response(status_code=204)


def _shown(agent: Agent, reader_id: UUID) -> AgentOut:
    is_own = agent.owner_id == reader_id
    return AgentOut(
        agent_id=agent.agent_id,
        name=agent.name,
        description=agent.description,
        instructions=agent.instructions if is_own else None,
        class_id=agent.class_id,
        is_own=is_own,
        created_at=agent.created_at,
    )
