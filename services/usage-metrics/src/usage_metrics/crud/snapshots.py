from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def hold(session: AsyncSession) -> None:
    """All queries of this transaction see one moment, and none writes. First statement of the transaction.

    Without it a call booked between two queries would be in the rows of an answer and not in its totals.
    """
    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
