"""Putting a document into a project or an agent of its owner's, and taking it out again."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.locale import locale_of
from chassis.problems import responses
from ingest.api.presenting import present
from ingest.api.wired import Services
from ingest.schemas.documents import DocumentOut
from ingest.service.shelving import SharedWith

router = APIRouter(tags=["documents"])

# Forbidden: also an API key that does not reach the route.
_ERRORS = (Unauthenticated, Forbidden, NotFound, Invalid, RateLimited, Unavailable)


@router.put("/documents/{document_id}/projects/{project_id}", responses=responses(*_ERRORS, Conflict))
async def put_in_project(
    document_id: UUID, project_id: UUID, request: Request, caller: Caller, services: Services
) -> DocumentOut:
    """Put a document of yours into a project of yours; searches in the project find it when this is answered."""
    document = await services.shelves.put(caller, document_id, SharedWith.PROJECT, project_id)
    return present(document, locale_of(request), reader=caller.user_id)


@router.delete("/documents/{document_id}/projects/{project_id}", status_code=204, responses=responses(*_ERRORS))
async def take_out_of_project(document_id: UUID, project_id: UUID, caller: Caller, services: Services) -> Response:
    """Take it out; no search in the project finds it when this is answered."""
    await services.shelves.take_out(caller, document_id, SharedWith.PROJECT, project_id)
    return Response(status_code=204)


@router.put("/documents/{document_id}/agents/{agent_id}", responses=responses(*_ERRORS, Conflict))
async def put_in_agent(
    document_id: UUID, agent_id: UUID, request: Request, caller: Caller, services: Services
) -> DocumentOut:
    """Put a document of yours into an agent of yours. If the agent is open to a class, its people find it there too."""
    document = await services.shelves.put(caller, document_id, SharedWith.AGENT, agent_id)
    return present(document, locale_of(request), reader=caller.user_id)


@router.delete("/documents/{document_id}/agents/{agent_id}", status_code=204, responses=responses(*_ERRORS))
async def take_out_of_agent(document_id: UUID, agent_id: UUID, caller: Caller, services: Services) -> Response:
    """Take it out; nobody finds it through the agent when this is answered."""
    await services.shelves.take_out(caller, document_id, SharedWith.AGENT, agent_id)
    return Response(status_code=204)
