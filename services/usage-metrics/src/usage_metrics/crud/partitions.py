from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession


async def add_missing(session: AsyncSession) -> int:
    """Partitions for the months ahead and for late events. The function is the migrations'. Returns how many."""
    made: int = (await session.execute(select(func.usage_metrics.make_partitions()))).scalar_one()
    return made
