"""A document as the caller sees it, with its problem in the caller's language."""

from typing import Any
from uuid import UUID

from chassis.errors import Invalid, Locale
from chassis.problems import body_of
from ingest.errors import PROCESSING_FAILED, REASONS
from ingest.schemas.documents import DocumentOut, Visibility
from ingest.service.documents import Document, State
from ingest.service.shelving import SharedWith

# How much of the work lies behind a document that enters a state; embedding is most of it.
_PROGRESS = {State.UPLOADED: 0.0, State.VALIDATING: 0.01, State.PARSING: 0.02, State.CHUNKING: 0.08, State.READY: 1.0}
_BEFORE_EMBEDDING = 0.1


def present(document: Document, locale: Locale, *, reader: UUID) -> DocumentOut:
    """The projects and agents that it is in are its owner's alone to see."""
    scopes = document.scopes if document.owner_id == reader else []
    problem = _problem(document.reason, document.reason_values, locale) if document.reason else None
    refused = None
    if document.refused:
        told = _problem(document.refused["reason"], document.refused["values"], locale)
        refused = {"title": document.refused["title"], "refused_at": document.refused["refused_at"], "problem": told}
    return DocumentOut(
        document_id=document.document_id,
        version=document.version,
        title=document.title,
        media_type=document.media_type,
        size_bytes=document.size_bytes,
        state=document.state,
        progress=_progress(document),
        searchable=document.live_revision is not None,
        revision=document.revision,
        waits_for=document.waits_for,
        recipe=document.recipe,
        page_count=document.page_count,
        pages_read=document.pages_read,
        chunk_count=document.chunk_count,
        class_id=document.class_id,
        visibility=Visibility.CLASS if any(s.startswith("class:") for s in document.scopes) else Visibility.PRIVATE,
        project_ids=_ids(scopes, SharedWith.PROJECT),
        agent_ids=_ids(scopes, SharedWith.AGENT),
        created_at=document.created_at,
        updated_at=document.updated_at,
        problem=problem,
        refused=refused,
    )


def _ids(scopes: list[str], kind: SharedWith) -> list[UUID]:
    return [UUID(name) for label, _, name in (scope.partition(":") for scope in scopes) if label == kind]


def _problem(reason: str, values: dict[str, Any], locale: Locale) -> dict[str, Any]:
    message = REASONS.get(reason, PROCESSING_FAILED)
    return body_of(message, title=Invalid.title, status=422, locale=locale, values=values)


def _progress(document: Document) -> float:
    if document.state == State.PARSING and document.page_count:
        before, after = _PROGRESS[State.PARSING], _PROGRESS[State.CHUNKING]
        return round(before + (after - before) * document.pages_read / document.page_count, 3)
    if document.state == State.EMBEDDING and document.chunk_count:
        share = document.chunks_embedded / document.chunk_count
        return round(_BEFORE_EMBEDDING + (1 - _BEFORE_EMBEDDING) * share, 3)
    return _PROGRESS.get(State(document.state), 0.0)
