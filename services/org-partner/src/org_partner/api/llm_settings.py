from uuid import UUID

from fastapi import APIRouter, Request, Response

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.locale import locale_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.llm_settings import (
    ClassLlmSettingsOut,
    LlmProblem,
    LlmSettingsIn,
    LlmSettingsOut,
    LlmTestOut,
    plain,
)
from org_partner.service.llm_connections import Finding
from org_partner.service.llm_levels import AtOrg, AtPartner
from org_partner.service.llm_settings import Wanted

router = APIRouter(tags=["LLM settings"])

_ERRORS = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_OR_CONFLICT = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, Unavailable)


@router.get("/orgs/{org_id}/llm-settings", responses=_ERRORS)
async def read_org_llm_settings(org_id: UUID, caller: Caller, services: Services) -> LlmSettingsOut:
    """For the org's administrators. The key is never part of an answer."""
    return LlmSettingsOut.model_validate(await services.llm_settings.get(caller, AtOrg(org_id)), from_attributes=True)


@router.put("/orgs/{org_id}/llm-settings", responses=_ERRORS)
async def save_org_llm_settings(
    org_id: UUID, body: LlmSettingsIn, caller: Caller, services: Services
) -> LlmSettingsOut:
    """Replaces all but the key, which stays unless `api_key` is sent. Looks the host up and refuses private ones."""
    saved = await services.llm_settings.save(caller, AtOrg(org_id), _wanted(body))
    return LlmSettingsOut.model_validate(saved, from_attributes=True)


@router.delete("/orgs/{org_id}/llm-settings", status_code=204, responses=_ERRORS)
async def clear_org_llm_settings(org_id: UUID, caller: Caller, services: Services) -> Response:
    """Forgets the key too. What partners allow beyond the platform's own model is over at once."""
    await services.llm_settings.clear(caller, AtOrg(org_id))
    return Response(status_code=204)


@router.post("/orgs/{org_id}/llm-settings/test", responses=_OR_CONFLICT)
async def check_org_llm_settings(org_id: UUID, request: Request, caller: Caller, services: Services) -> LlmTestOut:
    """Asks the provider once for its models, with the stored key. 409: no `base_url` is set."""
    return _told(await services.llm_connections.test(caller, AtOrg(org_id)), request)


@router.get("/partners/{partner_id}/llm-settings", responses=_ERRORS)
async def read_partner_llm_settings(partner_id: UUID, caller: Caller, services: Services) -> LlmSettingsOut:
    """For the partner's owners and instructors and the org's administrators."""
    found = await services.llm_settings.get(caller, AtPartner(partner_id))
    return LlmSettingsOut.model_validate(found, from_attributes=True)


@router.put("/partners/{partner_id}/llm-settings", responses=_OR_CONFLICT)
async def save_partner_llm_settings(
    partner_id: UUID, body: LlmSettingsIn, caller: Caller, services: Services
) -> LlmSettingsOut:
    """As for the org. `allowed_models` may only name what the org allows.

    Owners send `provider`, `base_url` and `price_override` as they stand and no `api_key`: those are the org
    administrators'.
    """
    saved = await services.llm_settings.save(caller, AtPartner(partner_id), _wanted(body))
    return LlmSettingsOut.model_validate(saved, from_attributes=True)


@router.delete("/partners/{partner_id}/llm-settings", status_code=204, responses=_OR_CONFLICT)
async def clear_partner_llm_settings(partner_id: UUID, caller: Caller, services: Services) -> Response:
    """The org's settings hold again. Of a partner with a `base_url` or prices, for the org's administrators alone."""
    await services.llm_settings.clear(caller, AtPartner(partner_id))
    return Response(status_code=204)


@router.post("/partners/{partner_id}/llm-settings/test", responses=_OR_CONFLICT)
async def check_partner_llm_settings(
    partner_id: UUID, request: Request, caller: Caller, services: Services
) -> LlmTestOut:
    """Asks the provider that holds for the partner: its own, else the org's. For the org's administrators."""
    return _told(await services.llm_connections.test(caller, AtPartner(partner_id)), request)


@router.get("/classes/{class_id}/llm-settings", responses=_ERRORS)
async def read_class_llm_settings(class_id: UUID, caller: Caller, services: Services) -> ClassLlmSettingsOut:
    """What holds in the class, with the level that each value comes from."""
    found = await services.llm_settings.get_for_class(caller, class_id)
    return ClassLlmSettingsOut.model_validate(found, from_attributes=True)


def _wanted(body: LlmSettingsIn) -> Wanted:
    return Wanted(
        provider=body.provider,
        base_url=body.base_url,
        model=body.model,
        allowed_models=list(dict.fromkeys(body.allowed_models)),
        price_override=plain(body.price_override),
        api_key=body.api_key,
        keeps_key=body.leaves_key,
    )


def _told(finding: Finding, request: Request) -> LlmTestOut:
    problem = finding.problem
    return LlmTestOut(
        reachable=finding.reachable,
        status=finding.status,
        models=finding.models,
        latency_ms=finding.latency_ms,
        problem=LlmProblem(code=problem.code, detail=problem.text(locale_of(request), **finding.values))
        if problem
        else None,
    )
