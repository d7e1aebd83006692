"""What goes with an account that is anonymised, in tables that are not about accounts."""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.crud.scopes import OwnScope
from org_partner.models import Document, Enrollment, Student


async def update_enrollments_ended(session: AsyncSession, scope: OwnScope) -> Sequence[Enrollment]:
    """The user's, in every org, that had not ended; as if they had left by themselves."""
    students = select(Student.student_id).where(Student.user_id == scope.user_id)
    statement = (
        update(Enrollment)
        .where(Enrollment.student_id.in_(students), Enrollment.status != "ended")
        .values(status="ended", ended_by=scope.user_id, version=Enrollment.version + 1)
        .returning(Enrollment)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await session.execute(statement)).scalars().all()


async def update_titles_erased(session: AsyncSession, scope: OwnScope) -> int:
    """The titles of the user's documents, which ingest deletes at the same time. The number of rows."""
    statement = update(Document).where(Document.owner_id == scope.user_id, Document.title != "").values(title="")
    return len((await session.execute(statement.returning(Document.document_id))).all())


async def count_titles(session: AsyncSession, scope: OwnScope) -> int:
    query = select(func.count()).select_from(Document)
    return (await session.execute(query.where(Document.owner_id == scope.user_id, Document.title != ""))).scalar_one()
