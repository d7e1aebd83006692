from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, Locale, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.locale import locale_of
from chassis.paging import Page, PageSlice, page_of
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


@router.get("/platform-settings")
async def list_platform_settings(
    caller: Caller, services: Services, language: Language, group: Annotated[Group | None, Query()] = None
) -> Page[SettingOut]:
    """All of them: they are few, and there is no next page."""
    found = await services.platform_settings.list_all(caller, group=group)
    return Page(items=[_out(each, language) for each in found])


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
    name: str, page: PageSlice, caller: Caller, services: Services
) -> Page[SettingChangeOut]:
    """Who set it to what, when and from where, newest first."""
    changes = await services.platform_settings.history(caller, name, page)
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
