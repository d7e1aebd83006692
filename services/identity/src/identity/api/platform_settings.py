from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, ValidationError

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, Locale, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.locale import locale_of
from chassis.paging import NamedPageSlice, Page, PageSlice, page_by_name, page_of
from chassis.problems import responses
from identity.api.wired import Services
from identity.schemas.platform_settings import Group, SettingChangeOut, SettingOut, SettingPut
from identity.service.platform_settings import Setting

router = APIRouter(
    tags=["platform settings"],
    responses=responses(Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable),
)
_ONE = responses(NotFound)
_CHANGE = responses(NotFound, Conflict)


# async, because FastAPI sends a plain function to a thread first.
async def _language(request: Request) -> Locale:
    return locale_of(request)


Language = Annotated[Locale, Depends(_language)]
Version = Annotated[int | None, Query(ge=0, le=2**31 - 1, description="What was read; another one now is a conflict")]

Moment = Annotated[
    AwareDatetime | None, Query(description="From then on; or before then", examples=["2026-11-01T00:00:00+09:00"])
]


@router.get("/platform-settings")
async def list_platform_settings(
    page: NamedPageSlice,
    caller: Caller,
    services: Services,
    language: Language,
    group: Annotated[Group | None, Query()] = None,
) -> Page[SettingOut]:
    """Those that nobody ever set too."""
    found = await services.platform_settings.list_all(caller, group=group)
    return page_by_name(found, page, name=lambda each: each.declared.name, item=lambda each: _out(each, language))


@router.get("/platform-settings/{name}", responses=_ONE)
async def read_platform_setting(name: str, caller: Caller, services: Services, language: Language) -> SettingOut:
    return _out(await services.platform_settings.get(caller, name), language)


@router.put("/platform-settings/{name}", responses=_CHANGE)
async def put_platform_setting(
    name: str, body: SettingPut, caller: Caller, services: Services, language: Language
) -> SettingOut:
    """Every service applies it within seconds, without a restart."""
    try:
        changed = await services.platform_settings.put(caller, name, body.value, version=body.version)
    except ValidationError as error:
        # The bounds are the setting's own; the answer looks like that of any other wrong value.
        complaints = [{**each, "loc": ("body", "value", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(complaints) from error
    return _out(changed, language)


@router.delete("/platform-settings/{name}", responses=_CHANGE)
async def reset_platform_setting(
    name: str, caller: Caller, services: Services, language: Language, version: Version = None
) -> SettingOut:
    """Back to the default; the setting as it stands then."""
    return _out(await services.platform_settings.reset(caller, name, version=version), language)


@router.get("/platform-settings/{name}/history", responses=_ONE)
async def list_platform_setting_changes(
    name: str,
    page: PageSlice,
    caller: Caller,
    services: Services,
    changed_from: Moment = None,
    changed_to: Moment = None,
) -> Page[SettingChangeOut]:
    """Who set it to what, when and from where, newest first."""
    changes = await services.platform_settings.history(caller, name, page, first=changed_from, end=changed_to)
    return page_of(
        changes, page, place=lambda each: (each.changed_at, each.change_id), item=SettingChangeOut.model_validate
    )


def _out(setting: Setting, language: Locale) -> SettingOut:
    declared = setting.declared
    return SettingOut.model_validate(
        {
            **vars(setting),
            "name": declared.name,
            "group": declared.group,
            "description": declared.ko if language is Locale.KO else declared.en,
            "value_schema": declared.adapter.json_schema(),
            "default": declared.default,
        }
    )
