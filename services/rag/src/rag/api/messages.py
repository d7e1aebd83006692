import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse

from chassis.auth import Caller, still_in
from chassis.errors import (
    Conflict,
    Forbidden,
    GrowFitError,
    Invalid,
    Locale,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from chassis.locale import locale_of
from chassis.problems import body_of, responses
from rag.api.wired import Services
from rag.chains.answer import AnswerEvent, Cited, Finished, Token
from rag.errors import ANSWER_FAILED
from rag.schemas.conversations import QuestionIn
from rag.service.answers import AnswerService, Begun

log = logging.getLogger(__name__)

router = APIRouter(tags=["conversations"])

# Proxies must neither hold the stream back nor change it.
_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


@router.post(
    "/conversations/{conversation_id}/messages",
    response_class=EventSourceResponse,
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, RateLimited, Unavailable),
)
async def ask(
    conversation_id: UUID, body: QuestionIn, request: Request, caller: Caller, services: Services
) -> EventSourceResponse:
    """Ask, and read the answer as server-sent events.

    `started` (ids), then `token` (text) and `citation` (document, page, headings, offsets, quote) as they come, and at
    the end `done` (model, tokens), when it is stored, or `error` (a problem). It is stored also when the connection
    breaks.
    """
    begun = await services.answers.begin(caller.user_id, conversation_id, body.text)
    still = partial(still_in, request, caller)
    events = _events(services.answers, begun, locale_of(request), still)
    return EventSourceResponse(events, headers=_HEADERS, ping=15)


async def _events(
    answers: AnswerService, begun: Begun, locale: Locale, still: Callable[[], Awaitable[None]]
) -> AsyncGenerator[ServerSentEvent]:
    number = 0
    started = {"message_id": str(begun.message_id), "question_id": str(begun.question_id)}
    yield _event(number, "started", started)
    try:
        # Closed with this stream: left to the collector, the answer would be stored at some later time, or never.
        async with aclosing(answers.stream(begun)) as events:
            async for event in events:
                # Whoever is banned meanwhile reads no further.
                await still()
                shown = _shown(event)
                if shown is not None:
                    number += 1
                    yield _event(number, *shown)
    except GrowFitError as error:
        title, status = error.title, error.status
        problem = body_of(error.message, title=title, status=status, locale=locale, values=error.values)
        yield _event(number + 1, "error", problem)
    except Exception:
        log.exception("answer %s failed", begun.message_id)
        yield _event(number + 1, "error", body_of(ANSWER_FAILED, title=Unavailable.title, status=503, locale=locale))


def _shown(event: AnswerEvent) -> tuple[str, dict[str, Any]] | None:
    match event:
        case Token():
            return "token", {"text": event.text}
        case Cited():
            citation = asdict(event.citation)
            return "citation", {"document_id": citation.pop("doc_id"), **citation}
        case Finished():
            usage = event.usage
            tokens = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
            return "done", {"model": event.model, "finish_reason": event.finish_reason, **tokens}
    return None


def _event(number: int, name: str, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data, ensure_ascii=False), event=name, id=str(number))
