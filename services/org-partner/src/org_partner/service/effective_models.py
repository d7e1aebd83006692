"""What holds at a place after org, partner and class have set their parts: each level may only narrow the one above.

Worked out anew from what the levels hold now, so that an org's narrowing acts at once on everything below it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Invalid
from org_partner.crud import llm_settings
from org_partner.crud.scopes import ClassScope, OrgScope, PartnerScope
from org_partner.errors import MODEL_NOT_ALLOWED
from org_partner.models import LlmSettings

# What every installation has without any settings: it calls nobody and costs nothing.
PLATFORM_PROVIDER = "growfit"
PLATFORM_MODEL = "growfit-extractive"


class Source(StrEnum):
    PLATFORM = "platform"
    ORG = "org"
    PARTNER = "partner"
    CLASS = "class"


@dataclass(frozen=True, slots=True)
class Sourced[T]:
    """A value and the level that it comes from."""

    value: T
    source: Source


_PROVIDER = Sourced(PLATFORM_PROVIDER, Source.PLATFORM)
_BASE_URL: Sourced[str | None] = Sourced(None, Source.PLATFORM)
_HAS_KEY = Sourced(False, Source.PLATFORM)
_MODEL: Sourced[str | None] = Sourced(PLATFORM_MODEL, Source.PLATFORM)
_ALLOWED = Sourced((PLATFORM_MODEL,), Source.PLATFORM)


@dataclass(frozen=True, slots=True)
class Effective:
    """`has_key` and `provider` belong to the level of `base_url`: a key is never sent to another level's address.

    `prices`: by model; each from the nearest level that names it. An empty `allowed_models`: nothing may be used.
    """

    provider: Sourced[str]
    base_url: Sourced[str | None]
    has_key: Sourced[bool]
    model: Sourced[str | None]
    allowed_models: Sourced[tuple[str, ...]]
    prices: dict[str, Sourced[dict[str, Any]]]


async def effective(
    session: AsyncSession, scope: OrgScope | PartnerScope | ClassScope, class_models: Sequence[str] = ()
) -> Effective:
    """`class_models`: what a class allows; empty: all that its partner allows."""
    return combine(await llm_settings.list_levels(session, scope), class_models)


async def check(session: AsyncSession, scope: PartnerScope | ClassScope, names: Collection[str]) -> None:
    """Whether a class of this partner may allow these models.

    Raises:
        Invalid: the org or the partner does not allow one of them.
    """
    refuse_others(names, (await effective(session, scope)).allowed_models.value)


def refuse_others(names: Collection[str], allowed: Collection[str]) -> None:
    """
    Raises:
        Invalid: one of the names is not among the allowed ones.
    """
    others = sorted(set(names) - set(allowed))
    if others:
        raise Invalid(MODEL_NOT_ALLOWED, models=others, allowed=list(allowed))


def combine(levels: Sequence[LlmSettings], class_models: Sequence[str] = ()) -> Effective:
    """`levels`: from the widest to the narrowest."""
    provider, base_url, has_key, wanted = _PROVIDER, _BASE_URL, _HAS_KEY, [_MODEL]
    allowed: Sourced[tuple[str, ...]] = _ALLOWED
    prices: dict[str, Sourced[dict[str, Any]]] = {}
    for row in levels:
        source = Source.ORG if row.partner_id is None else Source.PARTNER
        if row.base_url is not None and row.provider is not None:
            provider, base_url = Sourced(row.provider, source), Sourced(row.base_url, source)
            has_key = Sourced(row.has_key, source)
        if row.model is not None:
            wanted.append(Sourced(row.model, source))
        if row.allowed_models:
            # An org brings its own provider's models; from there on, lists only get shorter.
            above = row.allowed_models if source is Source.ORG else allowed.value
            allowed = _narrowed(above, row.allowed_models, source)
        prices |= {name: Sourced(price, source) for name, price in row.price_override.items()}
    if class_models:
        allowed = _narrowed(allowed.value, class_models, Source.CLASS)
    return Effective(provider, base_url, has_key, _default(wanted, allowed), allowed, prices)


def _narrowed(above: Collection[str], names: Sequence[str], source: Source) -> Sourced[tuple[str, ...]]:
    return Sourced(tuple(name for name in names if name in above), source)


def _default(wanted: Sequence[Sourced[str | None]], allowed: Sourced[tuple[str, ...]]) -> Sourced[str | None]:
    """The nearest level's choice that is still allowed, else the first that is."""
    for choice in reversed(wanted):
        if choice.value in allowed.value:
            return choice
    return Sourced(allowed.value[0] if allowed.value else None, allowed.source)
