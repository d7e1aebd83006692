"""Whether a token's session still stands, from identity's own tables: here a revocation acts at once."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import SESSION_ENDED, Unauthenticated
from contracts.platform import SETTINGS
from identity.crud import platform_settings, sessions

REFRESH_SECONDS = 2.0


class SessionGuard:
    """identity's `chassis.auth.Guard`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._settings: Mapping[str, Any] = {}
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def check(self, caller: Principal) -> None:
        """
        Raises:
            Unauthenticated: the session ended, or the user may not log in any more.
        """
        async with self._database.transaction() as session:
            stands = await sessions.stands(session, caller.session_id, epoch=caller.token_epoch)
        if not stands:
            raise Unauthenticated(SESSION_ENDED, headers={"WWW-Authenticate": "Bearer"})

    async def value(self, name: str) -> Any:
        if time.monotonic() - self._read_at > REFRESH_SECONDS:
            async with self._lock:
                if time.monotonic() - self._read_at > REFRESH_SECONDS:
                    began = time.monotonic()
                    async with self._database.transaction() as session:
                        self._settings = await platform_settings.list_values(session)
                    self._read_at = began
        return self._settings.get(name, SETTINGS[name].default)
