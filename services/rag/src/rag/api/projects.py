from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from rag.api.wired import Services
from rag.schemas.fields import NO_NUL
from rag.schemas.projects import ProjectIn, ProjectOut, ProjectPatch

router = APIRouter(tags=["projects"])

# Forbidden: an API key that does not reach the route.
_ALWAYS = (Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable)


@router.post("/projects", status_code=201, responses=responses(*_ALWAYS, Conflict))
async def create_project(body: ProjectIn, caller: Caller, services: Services, response: Response) -> ProjectOut:
    """A folder of your own for documents and conversations, 200 at most."""
    row = await services.projects.create(caller.user_id, name=body.name)
    response.headers["Location"] = f"/projects/{row.project_id}"
    return ProjectOut.model_validate(row)


@router.get("/projects", responses=responses(*_ALWAYS))
async def list_projects(
    caller: Caller,
    services: Services,
    page: PageSlice,
    name: Annotated[
        str | None, Query(max_length=100, pattern=NO_NUL, description="Part of the name", examples=["논문"])
    ] = None,
) -> Page[ProjectOut]:
    """Your own, newest first."""
    rows = await services.projects.list_page(caller.user_id, page, name=name)
    return page_of(rows, page, place=lambda row: (row.created_at, row.project_id), item=ProjectOut.model_validate)


@router.get("/projects/{project_id}", responses=responses(*_ALWAYS, NotFound))
async def read_project(project_id: UUID, caller: Caller, services: Services) -> ProjectOut:
    return ProjectOut.model_validate(await services.projects.get(caller.user_id, project_id))


@router.patch("/projects/{project_id}", responses=responses(*_ALWAYS, NotFound))
async def rename_project(project_id: UUID, body: ProjectPatch, caller: Caller, services: Services) -> ProjectOut:
    return ProjectOut.model_validate(await services.projects.rename(caller.user_id, project_id, name=body.name))


@router.delete("/projects/{project_id}", status_code=204, responses=responses(*_ALWAYS, NotFound))
async def delete_project(project_id: UUID, caller: Caller, services: Services) -> Response:
    """Delete the folder. Its documents and conversations stay; the conversations can be read and not gone on with."""
    await services.projects.delete(caller, project_id)
    return Response(status_code=204)
