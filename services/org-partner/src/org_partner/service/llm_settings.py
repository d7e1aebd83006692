"""What orgs and partners set of their LLMs. The key goes in and never comes out; `llm_keys` alone knows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox, tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Invalid
from chassis.ids import new_id
from contracts.org_partner import LlmSettingsChanged
from org_partner.crud import classes, llm_settings
from org_partner.crud.scopes import OrgScope, PartnerScope
from org_partner.errors import KEY_REQUIRED, LLM_PROVIDER_INCOMPLETE, LLM_PROVIDER_RESERVED
from org_partner.models import LlmSettings
from org_partner.service import acts, effective_models, llm_addresses, llm_levels, permission, places
from org_partner.service.effective_models import PLATFORM_PROVIDER, Effective
from org_partner.service.llm_addresses import Address, Addresses
from org_partner.service.llm_keys import LlmKeys
from org_partner.service.llm_levels import Level

_NO_KEY: dict[str, Any] = {"sealed_key": None, "key_set_at": None}
_NOTHING: dict[str, Any] = {
    "provider": None,
    "base_url": None,
    "model": None,
    "allowed_models": [],
    "price_override": {},
    **_NO_KEY,
}


@dataclass(frozen=True)
class Wanted:
    """All of a level's settings. `keeps_key`: the stored key stays; else `api_key` takes its place, None removes it."""

    provider: str | None
    base_url: str | None
    model: str | None
    allowed_models: list[str]
    price_override: dict[str, Any]
    api_key: SecretStr | None
    keeps_key: bool


@dataclass(frozen=True)
class View:
    """`own` None: the level never set any. A class has none of its own but its list of models."""

    org_id: UUID
    partner_id: UUID | None
    own: LlmSettings | None
    inherited: Effective
    effective: Effective
    class_id: UUID | None = None


class LlmSettingsService:
    def __init__(self, database: Database, addresses: Addresses, keys: LlmKeys) -> None:
        self._database = database
        self._addresses = addresses
        self._keys = keys

    async def get(self, caller: Principal, level: Level) -> View:
        """
        Raises:
            NotFound: no such org or partner for the caller.
            Forbidden: the caller neither administers the org nor teaches in the partner.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await llm_levels.for_reading(session, caller, level)
            return _view(scope, await llm_settings.list_levels(session, scope))

    async def get_for_class(self, caller: Principal, class_id: UUID) -> View:
        """
        Raises:
            NotFound: no such class for the caller.
            Forbidden: the caller does not teach there.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            levels = await llm_settings.list_levels(session, scope)
            group = await classes.get(session, scope)
        inherited, effective = (effective_models.combine(levels, models) for models in ((), group.allowed_models))
        return View(scope.org_id, scope.partner_id, None, inherited, effective, class_id)

    async def save(self, caller: Principal, level: Level, wanted: Wanted) -> View:
        """Put these settings in the place of the level's own.

        Raises:
            NotFound: no such org or partner for the caller.
            Forbidden: the caller neither administers the org nor owns the partner, or is an owner who would change
                its provider, address, key or prices.
            Conflict: the partner has just moved.
            Invalid: an address that must not be reached, a model that the level above does not allow, or a new
                place for a key that was for another one.
        """
        _check_whole(wanted)
        # First, so that nobody has names looked up for them without a right to it.
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await llm_levels.for_writing(session, caller, level)
            if _changes_terms(await llm_settings.get(session, scope), wanted):
                await llm_levels.for_addressing(session, caller, level)
        address = await self._checked(wanted.base_url)
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await llm_levels.for_writing(session, caller, level)
            await places.hold(session, scope)
            await llm_settings.lock(session, scope)
            before = await llm_settings.get(session, scope)
            if _changes_terms(before, wanted):
                await llm_levels.for_addressing(session, caller, level)
            row = await self._write(session, scope, before, wanted, address)
            view = _view(scope, await llm_settings.list_levels(session, scope))
            _check_models(view, wanted)
            await _tell(session, caller, scope, view, row, key=_fate_of_key(wanted), cleared=False)
        return view

    async def clear(self, caller: Principal, level: Level) -> None:
        """Leave everything to the level above, and forget the key. Again: nothing changes.

        Raises:
            NotFound: no such org or partner for the caller.
            Forbidden: the caller neither administers the org nor owns the partner, or is an owner and it has an
                address or prices.
            Conflict: the partner has just moved.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await llm_levels.for_writing(session, caller, level)
            await places.hold(session, scope)
            await llm_settings.lock(session, scope)
            before = await llm_settings.get(session, scope)
            if before is None:
                return
            if before.base_url is not None or before.price_override:
                await llm_levels.for_addressing(session, caller, level)
            row = await llm_settings.update_values(session, scope, before.settings_id, **_NOTHING)
            view = _view(scope, await llm_settings.list_levels(session, scope))
            await _tell(session, caller, scope, view, row, key="removed", cleared=True)

    async def _checked(self, base_url: str | None) -> Address | None:
        if base_url is None:
            return None
        address = self._addresses.parse(base_url)
        await self._addresses.check(address)
        return address

    async def _write(
        self,
        session: AsyncSession,
        scope: OrgScope | PartnerScope,
        before: LlmSettings | None,
        wanted: Wanted,
        address: Address | None,
    ) -> LlmSettings:
        settings_id = before.settings_id if before else new_id()
        values: dict[str, Any] = {
            "provider": wanted.provider,
            "base_url": address.url if address else None,
            "model": wanted.model,
            "allowed_models": wanted.allowed_models,
            "price_override": wanted.price_override,
        }
        if wanted.keeps_key:
            if before is not None and _goes_elsewhere(before, wanted, address):
                raise Invalid(KEY_REQUIRED)
        elif wanted.api_key is None:
            values |= _NO_KEY
        else:
            secret = wanted.api_key.get_secret_value()
            sealed = self._keys.seal(secret, org_id=scope.org_id, settings_id=settings_id)
            values |= {"sealed_key": sealed, "key_set_at": now()}
        if before is None:
            return await llm_settings.add(session, scope, settings_id=settings_id, **values)
        return await llm_settings.update_values(session, scope, settings_id, **values)


def _view(scope: OrgScope | PartnerScope, levels: Sequence[LlmSettings]) -> View:
    partner_id = scope.partner_id if isinstance(scope, PartnerScope) else None
    own = next((row for row in levels if row.partner_id == partner_id), None)
    above = [row for row in levels if row is not own]
    return View(
        org_id=scope.org_id,
        partner_id=partner_id,
        own=own,
        inherited=effective_models.combine(above),
        effective=effective_models.combine(levels),
    )


def _check_whole(wanted: Wanted) -> None:
    if (wanted.provider is None) != (wanted.base_url is None):
        raise Invalid(LLM_PROVIDER_INCOMPLETE)
    if wanted.api_key is not None and wanted.base_url is None:
        raise Invalid(LLM_PROVIDER_INCOMPLETE)
    if wanted.provider == PLATFORM_PROVIDER:
        raise Invalid(LLM_PROVIDER_RESERVED)


def _check_models(view: View, wanted: Wanted) -> None:
    if view.partner_id is not None:
        effective_models.refuse_others(wanted.allowed_models, view.inherited.allowed_models.value)
    if wanted.model is not None:
        effective_models.refuse_others([wanted.model], view.effective.allowed_models.value)


def _changes_terms(before: LlmSettings | None, wanted: Wanted) -> bool:
    """Whether provider, URL, key or prices would be others than those that stand."""
    if wanted.price_override != (before.price_override if before else {}):
        return True
    url = llm_addresses.parse(wanted.base_url).url if wanted.base_url is not None else None
    stands = (before.provider, before.base_url) if before else (None, None)
    removes_key = not wanted.keeps_key and before is not None and before.has_key
    return wanted.api_key is not None or removes_key or (wanted.provider, url) != stands


def _goes_elsewhere(before: LlmSettings, wanted: Wanted, address: Address | None) -> bool:
    """Whether the stored key would be sent to a place that it was not given for.

    The whole URL is the place, in its one spelling: gateways that many share name the tenant in the path.
    """
    if not before.has_key:
        return False
    return address is None or (before.provider, before.base_url) != (wanted.provider, address.url)


def _fate_of_key(wanted: Wanted) -> str:
    if wanted.keeps_key:
        return "kept"
    return "removed" if wanted.api_key is None else "set"


async def _tell(
    session: AsyncSession,
    caller: Principal,
    scope: OrgScope | PartnerScope,
    view: View,
    row: LlmSettings,
    *,
    key: str,
    cleared: bool,
) -> None:
    holding = view.effective
    await outbox.add(
        session,
        LlmSettingsChanged(
            settings_id=row.settings_id,
            org_id=row.org_id,
            partner_id=row.partner_id,
            provider=holding.provider.value,
            model=holding.model.value or "",
            allowed_models=list(holding.allowed_models.value),
            version=row.version,
            changed_at=row.updated_at,
        ),
    )
    await acts.record(
        session,
        caller,
        "llm_settings.cleared" if cleared else "llm_settings.saved",
        scope,
        target=f"llm_settings/{row.settings_id}",
        provider=row.provider,
        model=row.model,
        allowed_models=len(row.allowed_models),
        api_key=key,
        version=row.version,
    )
