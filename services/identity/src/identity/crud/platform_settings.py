from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import PlatformSetting


async def list_values(session: AsyncSession) -> dict[str, Any]:
    """What was set, by name."""
    query = select(PlatformSetting.name, PlatformSetting.value).where(PlatformSetting.value.is_not(None))
    rows = await session.execute(query)
    return {row.name: row.value for row in rows}
