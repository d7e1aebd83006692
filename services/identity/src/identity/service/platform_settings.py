"""The platform's settings: what `contracts.platform` declares, as supervisors set it, with its history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, origin, outbox
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, NotFound
from chassis.ids import named_id, new_id
from chassis.paging import Slice
from contracts.identity import PlatformSettingsChanged
from contracts.platform import SETTINGS, MfaTier, PlatformSetting
from identity.crud import factors, platform_settings, users
from identity.crud.scopes import Supervisor
from identity.errors import (
    SETTING_NEEDS_YOUR_EMAIL,
    SETTING_NEEDS_YOUR_FACTOR,
    SETTING_NOT_FOUND,
    SETTING_OUTDATED,
)
from identity.models import PlatformSetting as Row
from identity.service import permission


@dataclass(frozen=True)
class Setting:
    """A declared setting as it stands. `version` 0: nobody ever set it."""

    declared: PlatformSetting
    value: Any
    is_set: bool
    version: int
    changed_at: datetime | None


class PlatformSettingService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_all(self, caller: Principal, *, group: str | None = None) -> list[Setting]:
        proof = permission.supervisor(caller)
        async with self._database.transaction() as session:
            rows = await platform_settings.list_all(session, proof)
        wanted = [each for each in SETTINGS.values() if group in (None, each.group)]
        return [_as_it_stands(each, rows.get(each.name)) for each in wanted]

    async def get(self, caller: Principal, name: str) -> Setting:
        """
        Raises:
            NotFound: there is no such setting.
        """
        proof = permission.supervisor(caller)
        declared = _declared(name)
        async with self._database.transaction() as session:
            return _as_it_stands(declared, await platform_settings.get(session, proof, name))

    async def put(self, caller: Principal, name: str, value: Any, *, version: int | None) -> Setting:
        """Set it. The value that stands there already is no change.

        Raises:
            NotFound: there is no such setting.
            ValidationError: pydantic's; wrong type or out of bounds.
            Conflict: `version` is not the current one, or the caller would lock themselves out.
        """
        proof = permission.supervisor(caller)
        value = _declared(name).parse(value)
        return await self._change(caller, proof, name, value, version=version)

    async def reset(self, caller: Principal, name: str, *, version: int | None) -> Setting:
        """Back to the default, whatever that will be in later versions. Raises what `put` does."""
        proof = permission.supervisor(caller)
        _declared(name)
        return await self._change(caller, proof, name, None, version=version)

    async def history(
        self, caller: Principal, name: str, page: Slice, *, first: datetime | None = None, end: datetime | None = None
    ) -> Sequence[Any]:
        """Newest first, from `first` on, before `end`: the attributes of a PlatformSettingChange, `changed_by_name`.

        Raises:
            NotFound: there is no such setting.
        """
        proof = permission.supervisor(caller)
        _declared(name)
        async with self._database.transaction() as session:
            return await platform_settings.list_changes(session, proof, name, page, first=first, end=end)

    async def forget(self, session: AsyncSession, user_id: UUID) -> None:
        """From where an anonymised supervisor made changes."""
        await platform_settings.update_origins_forgotten(session, user_id)

    async def _change(
        self, caller: Principal, proof: Supervisor, name: str, value: Any, *, version: int | None
    ) -> Setting:
        declared = SETTINGS[name]
        async with self._database.transaction() as session:
            await platform_settings.lock(session, proof)
            row = await platform_settings.get(session, proof, name)
            current = row.version if row else 0
            if version is not None and version != current:
                raise Conflict(SETTING_OUTDATED, version=version, current_version=current)
            old = row.value if row else None
            if old == value and type(old) is type(value):
                return _as_it_stands(declared, row)
            await _spare_oneself(session, caller, name, value)
            row = await platform_settings.put(
                session, proof, name=name, setting_id=named_id("platform_setting", name), value=value
            )
            await _note(session, caller, proof, row, old=old)
        return _as_it_stands(declared, row)


def _declared(name: str) -> PlatformSetting:
    if name not in SETTINGS:
        raise NotFound(SETTING_NOT_FOUND)
    return SETTINGS[name]


def _as_it_stands(declared: PlatformSetting, row: Row | None) -> Setting:
    if row is None:
        return Setting(declared, declared.default, is_set=False, version=0, changed_at=None)
    is_set = row.value is not None
    return Setting(declared, row.value if is_set else declared.default, is_set, row.version, row.changed_at)


async def _spare_oneself(session: AsyncSession, caller: Principal, name: str, value: Any) -> None:
    """Whoever asks something of every supervisor has done it first, so that one of them still gets in."""
    if name == "security.mfa_required_tiers" and MfaTier.SUPERVISOR in (value or ()):
        if not await factors.is_enrolled(session, caller.user_id):
            raise Conflict(SETTING_NEEDS_YOUR_FACTOR)
    elif name == "security.email_verification_required" and value:
        user = await users.get(session, caller.user_id)
        if user is None or user.email_verified_at is None:
            raise Conflict(SETTING_NEEDS_YOUR_EMAIL)


async def _note(session: AsyncSession, caller: Principal, proof: Supervisor, row: Row, *, old: Any) -> None:
    """History, event and audit entry, in the change's own transaction."""
    where = origin.current()
    await platform_settings.add_change(
        session,
        proof,
        change_id=new_id(),
        name=row.name,
        version=row.version,
        old_value=old,
        new_value=row.value,
        ip=where.ip,
        user_agent=where.user_agent,
    )
    facts = {"name": row.name, "value": row.value, "version": row.version}
    await outbox.add(session, PlatformSettingsChanged(setting_id=row.setting_id, changed_at=row.changed_at, **facts))
    # The values are in the history; a list of origins is no small fact.
    await audit.record(
        session, "platform_setting.changed", actor=caller, target=f"platform_setting/{row.name}", version=row.version
    )
