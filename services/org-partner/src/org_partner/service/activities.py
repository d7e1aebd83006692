"""Acts of learning, from other services' facts, for the activity log and the dashboards: that they were, never what."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.ids import named_id
from contracts.ingest import ChunksEmbedded, DocumentDeleted, DocumentShared, DocumentUploaded
from contracts.rag import MessageAnswered
from contracts.usage import Outcome
from org_partner.crud import activities, class_activity_daily
from org_partner.crud.scopes import ClassScope
from org_partner.service import days, permission

DocumentFact = DocumentUploaded | ChunksEmbedded | DocumentShared | DocumentDeleted


class ActivityService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note_answer(self, fact: MessageAnswered, delivery: Delivery) -> None:
        """That somebody asked something in a class, never what.

        Raises:
            AlreadyHandled: this delivery's effect stands.
            Invalid: the fact's tenant does not hold together.
        """
        async with self._database.transaction(tenant.of_tenant(fact.tenant), once=delivery) as session:
            scope = await permission.in_told_class(session, fact.tenant)
            if scope is None:
                return
            is_new = await activities.add(
                session,
                scope,
                activity_id=named_id("question.answered", fact.message_id),
                actor_id=fact.tenant.user_id,
                action="question.answered",
                target=f"message/{fact.message_id}",
                detail={"outcome": fact.outcome.value, "model": fact.model, "citations": fact.citation_count},
                occurred_at=fact.answered_at,
            )
            if is_new:
                await class_activity_daily.update_counts(
                    session,
                    scope,
                    user_id=fact.tenant.user_id,
                    day=days.day_of(fact.answered_at),
                    at=fact.answered_at,
                    questions=1,
                    failed=int(fact.outcome is Outcome.FAILED),
                    cancelled=int(fact.outcome is Outcome.CANCELLED),
                )


async def note_document(session: AsyncSession, fact: DocumentFact, *, is_open: bool) -> None:
    """In the projection's transaction: what was uploaded to a class and what was deleted there.

    `is_open`: to that class. Of what somebody keeps to themselves the act alone is told, and not which document.

    Raises:
        Invalid: the fact's tenant does not hold together.
    """
    scope = await permission.in_told_class(session, fact.tenant)
    if scope is None:
        return
    target = f"document/{fact.document_id}" if is_open else f"class/{scope.class_id}"
    if isinstance(fact, DocumentUploaded):
        detail = {"media_type": fact.media_type, "size_bytes": fact.size_bytes}
        if await _add_document_act(session, scope, fact, "document.uploaded", target, fact.uploaded_at, detail):
            day = days.day_of(fact.uploaded_at)
            await class_activity_daily.update_counts(
                session, scope, user_id=fact.tenant.user_id, day=day, at=fact.uploaded_at, uploads=1
            )
    elif isinstance(fact, DocumentDeleted):
        await _add_document_act(session, scope, fact, "document.deleted", target, fact.deleted_at, {})


async def _add_document_act(
    session: AsyncSession,
    scope: ClassScope,
    fact: DocumentFact,
    action: str,
    target: str,
    at: datetime,
    detail: dict[str, Any],
) -> bool:
    return await activities.add(
        session,
        scope,
        activity_id=named_id(action, fact.document_id),
        actor_id=fact.tenant.user_id,
        action=action,
        target=target,
        detail=detail,
        occurred_at=at,
    )
