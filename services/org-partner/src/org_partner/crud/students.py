from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.crud.scopes import InviteScope
from org_partner.models import Student


async def add(session: AsyncSession, scope: InviteScope, *, student_id: UUID) -> UUID:
    """The id of the org's student for this user: the given one, or the one there was before."""
    statement = (
        insert(Student)
        .values(student_id=student_id, org_id=scope.org_id, user_id=scope.user_id)
        .on_conflict_do_nothing(index_elements=[Student.org_id, Student.user_id])
        .returning(Student.student_id)
    )
    added = (await session.execute(statement)).scalar_one_or_none()
    if added is not None:
        return added
    query = select(Student.student_id).where(Student.org_id == scope.org_id, Student.user_id == scope.user_id)
    return (await session.execute(query)).scalar_one()
