"""Whether the provider that holds at a place can be reached and takes the stored key."""

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, Invalid, Message
from chassis.sealing import SealBroken
from org_partner.crud import llm_settings
from org_partner.crud.llm_settings import SealedKey
from org_partner.errors import (
    LLM_ANSWER_TOO_LARGE,
    LLM_ANSWER_UNREADABLE,
    LLM_KEY_REFUSED,
    LLM_KEY_UNREADABLE,
    LLM_NOT_CONFIGURED,
    LLM_STATUS,
    LLM_TIMED_OUT,
    LLM_TLS_FAILED,
    LLM_UNREACHABLE,
)
from org_partner.models import LlmSettings
from org_partner.ports import Provider, Reply, Unreachable
from org_partner.service import acts, llm_levels
from org_partner.service.llm_addresses import Addresses
from org_partner.service.llm_keys import LlmKeys
from org_partner.service.llm_levels import Level

MAX_MODELS = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,119}")
_OK = 200
_KEY_REFUSED = (401, 403)
_UNREACHABLE = {
    "connection": LLM_UNREACHABLE,
    "protocol": LLM_ANSWER_UNREADABLE,
    "timeout": LLM_TIMED_OUT,
    "tls": LLM_TLS_FAILED,
    "too_large": LLM_ANSWER_TOO_LARGE,
}


@dataclass(frozen=True)
class Finding:
    """`problem` None: everything is in order. `status` None: the provider gave no answer."""

    problem: Message | None = None
    values: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    models: list[str] = field(default_factory=list)
    latency_ms: int | None = None

    @property
    def reachable(self) -> bool:
        return self.status is not None


class LlmConnectionService:
    def __init__(self, database: Database, addresses: Addresses, keys: LlmKeys, provider: Provider) -> None:
        self._database = database
        self._addresses = addresses
        self._keys = keys
        self._provider = provider

    async def test(self, caller: Principal, level: Level) -> Finding:
        """Ask the provider once for its models, with the key that belongs to its address.

        Raises:
            NotFound: no such org or partner for the caller.
            Forbidden: the caller does not administer the org.
            Conflict: no level gives an address.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await llm_levels.for_addressing(session, caller, level)
            rows = [row for row in await llm_settings.list_levels(session, scope) if row.base_url is not None]
            if not rows:
                raise Conflict(LLM_NOT_CONFIGURED)
            row = rows[-1]
            sealed = await llm_settings.get_key(session, scope, row)
        finding = await self._ask(row, sealed)
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await llm_levels.for_addressing(session, caller, level)
            await acts.record(
                session,
                caller,
                "llm_settings.tested",
                scope,
                target=f"llm_settings/{row.settings_id}",
                reachable=finding.reachable,
                problem=finding.problem.code if finding.problem else None,
            )
        return finding

    async def _ask(self, row: LlmSettings, sealed: SealedKey | None) -> Finding:
        try:
            # Anew: what its name means may have changed since it was stored.
            endpoint = await self._addresses.check(self._addresses.parse(row.base_url or ""))
            key = self._keys.open(sealed) if sealed else None
        except Invalid as error:
            return Finding(error.message, error.values)
        except SealBroken:
            return Finding(LLM_KEY_UNREADABLE)
        started = time.perf_counter()
        try:
            reply = await self._provider.get(endpoint, "/models", api_key=key)
        except Unreachable as error:
            return Finding(_UNREACHABLE[error.reason])
        return _judge(reply, key, latency_ms=round((time.perf_counter() - started) * 1000))


def _judge(reply: Reply, key: str | None, *, latency_ms: int) -> Finding:
    models = _models(reply.body, key) if reply.status == _OK else None
    if reply.status in _KEY_REFUSED:
        problem: Message | None = LLM_KEY_REFUSED
    elif reply.status != _OK:
        problem = LLM_STATUS
    else:
        problem = LLM_ANSWER_UNREADABLE if models is None else None
    values = {"provider_status": reply.status}
    return Finding(problem, values, status=reply.status, models=models or [], latency_ms=latency_ms)


def _models(body: bytes, key: str | None) -> list[str] | None:
    """The ids of `{"data": [{"id": …}]}`; None: it is something else. What looks like no name is left out."""
    try:
        names = [item["id"] for item in json.loads(body)["data"]]
    # RecursionError: brackets in brackets, as deep as the answer is long.
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    known = dict.fromkeys(name for name in names if isinstance(name, str) and _NAME.fullmatch(name))
    # A hostile provider could send the key back as a name.
    return [name for name in known if key is None or key not in name][:MAX_MODELS]
