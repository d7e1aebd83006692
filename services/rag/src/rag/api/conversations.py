from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from rag.api.wired import Services
from rag.schemas.conversations import ConversationIn, ConversationOut, MessageOut
from rag.schemas.fields import AN_ID, NO_NUL

router = APIRouter(tags=["conversations"])

# Forbidden: an API key that does not reach the route.
_ERRORS = responses(Unauthenticated, Forbidden, NotFound, Invalid, RateLimited, Unavailable)


@router.post("/conversations", status_code=201, responses=_ERRORS)
async def open_conversation(
    body: ConversationIn, caller: Caller, services: Services, response: Response
) -> ConversationOut:
    """Open a conversation: with an agent, about a project, about chosen documents or about all that you may see."""
    row = await services.conversations.open(caller.user_id, **body.model_dump())
    response.headers["Location"] = f"/conversations/{row.conversation_id}"
    return ConversationOut.model_validate(row)


@router.get("/conversations", responses=_ERRORS)
async def list_conversations(
    caller: Caller,
    services: Services,
    page: PageSlice,
    class_id: Annotated[UUID | None, Query(description="Of this class alone", examples=[AN_ID])] = None,
    project_id: Annotated[UUID | None, Query(description="Of this project alone", examples=[AN_ID])] = None,
    agent_id: Annotated[UUID | None, Query(description="With this agent alone", examples=[AN_ID])] = None,
    title: Annotated[
        str | None, Query(max_length=100, pattern=NO_NUL, description="Part of the title", examples=["수료증"])
    ] = None,
) -> Page[ConversationOut]:
    """Your own, newest first."""
    places = {"class_id": class_id, "project_id": project_id, "agent_id": agent_id}
    rows = await services.conversations.list_page(caller.user_id, page, title=title, **places)
    return page_of(
        rows,
        page,
        place=lambda row: (row.created_at, row.conversation_id),
        item=ConversationOut.model_validate,
    )


@router.get("/conversations/{conversation_id}", responses=_ERRORS)
async def read_conversation(conversation_id: UUID, caller: Caller, services: Services) -> ConversationOut:
    return ConversationOut.model_validate(await services.conversations.get(caller.user_id, conversation_id))


@router.delete("/conversations/{conversation_id}", status_code=204, responses=_ERRORS)
async def delete_conversation(conversation_id: UUID, caller: Caller, services: Services) -> Response:
    """Delete a conversation with all its messages. What it cost stays in the usage."""
    await services.conversations.delete(caller, conversation_id)
    return Response(status_code=204)


@router.get("/conversations/{conversation_id}/messages", responses=_ERRORS)
async def list_messages(
    conversation_id: UUID,
    caller: Caller,
    services: Services,
    page: PageSlice,
    role: Annotated[Literal["user", "assistant"] | None, Query(description="Questions or answers alone")] = None,
) -> Page[MessageOut]:
    """Newest first."""
    rows = await services.conversations.list_messages(caller.user_id, conversation_id, page, role=role)
    return page_of(rows, page, place=lambda row: (row.created_at, row.message_id), item=MessageOut.model_validate)
