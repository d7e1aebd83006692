"""What holds at a place after org, partner and class have set their parts: each level may only narrow the one above.

Worked out anew from what the levels hold now, so that an org's narrowing acts at once on everything below it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True, slots=True)
class Effective:
    """`has_key` and `provider` belong to the level of `base_url`: a key is never sent to another level's address.

    `prices`: by model; each from the nearest level that names it. An empty `allowed_models`: nothing may be used.
    """

    provider: Sourced[str] = Sourced(PLATFORM_PROVIDER, Source.PLATFORM)
    base_url: Sourced[str | None] = Sourced(None, Source.PLATFORM)
    has_key: Sourced[bool] = Sourced(False, Source.PLATFORM)
    model: Sourced[str | None] = Sourced(PLATFORM_MODEL, Source.PLATFORM)
    allowed_models: Sourced[tuple[str, ...]] = Sourced((PLATFORM_MODEL,), Source.PLATFORM)
    prices: dict[str, Sourced[dict[str, Any]]] = field(default_factory=dict)


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
    result = Effective()
    wanted = [result.model]
    for row in levels:
        source = Source.ORG if row.partner_id is None else Source.PARTNER
        result = _below(result, row, source)
        if row.model is not None:
            wanted.append(Sourced(row.model, source))
    if class_models:
        result = replace(result, allowed_models=_narrowed(result.allowed_models, class_models, Source.CLASS))
    return replace(result, model=_default(wanted, result.allowed_models))


def _below(above: Effective, row: LlmSettings, source: Source) -> Effective:
    result = replace(
        above, prices=above.prices | {name: Sourced(it, source) for name, it in row.price_override.items()}
    )
    if row.base_url is not None and row.provider is not None:
        result = replace(
            result,
            provider=Sourced(row.provider, source),
            base_url=Sourced(row.base_url, source),
            has_key=Sourced(row.has_key, source),
        )
    if row.allowed_models:
        # An org brings its own provider's models; from there on, lists only get shorter.
        own = Sourced(tuple(row.allowed_models), source)
        allowed = own if source is Source.ORG else _narrowed(above.allowed_models, row.allowed_models, source)
        result = replace(result, allowed_models=allowed)
    return result


def _narrowed(above: Sourced[tuple[str, ...]], names: Sequence[str], source: Source) -> Sourced[tuple[str, ...]]:
    return Sourced(tuple(name for name in names if name in above.value), source)


def _default(wanted: Sequence[Sourced[str | None]], allowed: Sourced[tuple[str, ...]]) -> Sourced[str | None]:
    """The nearest level's choice that is still allowed, else the first that is."""
    for choice in reversed(wanted):
        if choice.value in allowed.value:
            return choice
    return Sourced(allowed.value[0] if allowed.value else None, allowed.source)
