from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import PlatformSetting


async def list_values(session: AsyncSession) -> dict[str, Any]:
    """What was set, by name."""
    rows = await session.execute(select(PlatformSetting.name, PlatformSetting.value))
    return {row.name: row.value for row in rows}
