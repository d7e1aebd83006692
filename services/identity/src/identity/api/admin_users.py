from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from chassis import csv_cells, keyset
from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.paging import Page
from chassis.problems import responses
from identity.api.users_csv import csv_of
from identity.api.wired import Services
from identity.schemas.admin_users import (
    ErasureOut,
    Suspension,
    UserAnonymisation,
    UserDetail,
    UserExportQuery,
    UserRow,
    UsersQuery,
)
from identity.service.admin_users import Detail, Filters, order_of, place_of

router = APIRouter(tags=["users"], responses=responses(Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable))
_ONE = responses(NotFound)
_ACT = responses(NotFound, Conflict)


class CsvResponse(StreamingResponse):
    media_type = "text/csv"


@router.get("/users")
async def list_users(query: Annotated[UsersQuery, Query()], caller: Caller, services: Services) -> Page[UserRow]:
    """Everybody's accounts, for supervisors. A cursor goes on in the order in which it was given."""
    page = keyset.slice_of(query.limit, query.cursor, _order(query))
    rows = await services.admin_users.list_users(caller, _filters(query), page)
    return keyset.page_of(rows, page, place=place_of, item=UserRow.model_validate)


@router.get("/users/export", response_class=CsvResponse)
async def export_users(
    query: Annotated[UserExportQuery, Query()], caller: Caller, services: Services
) -> StreamingResponse:
    """The same list, all of it, as CSV (UTF-8 with BOM, times in Asia/Seoul). The audit log notes it."""
    pages = await services.admin_users.export(caller, _filters(query), _order(query))
    name = f"users_{datetime.now(UTC):%Y%m%dT%H%M%SZ}.csv"
    return CsvResponse(csv_of(_rows(pages)), headers=csv_cells.attachment(name))


@router.get("/users/{user_id}", responses=_ONE)
async def read_user(user_id: UUID, caller: Caller, services: Services) -> UserDetail:
    return _detail(await services.admin_users.get(caller, user_id))


@router.get("/users/{user_id}/erasure", responses=_ACT)
async def read_erasure(user_id: UUID, caller: Caller, services: Services) -> ErasureOut:
    """What became of an anonymised user's data: which services have erased it, and which have yet to report."""
    return ErasureOut.model_validate(await services.erasures.report(caller, user_id))


@router.post("/users/{user_id}/suspend", responses=_ACT)
async def suspend_user(user_id: UUID, body: Suspension, caller: Caller, services: Services) -> UserDetail:
    """Nobody logs in to the account any more, and whoever is in is out everywhere within 10 seconds."""
    await services.supervision.suspend(caller, user_id, reason=body.reason)
    return _detail(await services.admin_users.get(caller, user_id))


@router.post("/users/{user_id}/restore", responses=_ACT)
async def restore_user(user_id: UUID, caller: Caller, services: Services) -> UserDetail:
    """For whoever was suspended, or deactivated their account."""
    await services.supervision.restore(caller, user_id)
    return _detail(await services.admin_users.get(caller, user_id))


@router.post("/users/{user_id}/sign-out", responses=_ACT)
async def sign_out_user(user_id: UUID, caller: Caller, services: Services) -> UserDetail:
    """Every session of the user ends, and every access token that an API key got. The keys themselves stay."""
    await services.supervision.sign_out(caller, user_id)
    return _detail(await services.admin_users.get(caller, user_id))


@router.post("/users/{user_id}/reset-mfa", responses=_ACT)
async def reset_mfa_of_user(user_id: UUID, caller: Caller, services: Services) -> UserDetail:
    """For somebody who lost their authenticator app: it goes, with the recovery codes and every session."""
    await services.supervision.reset_mfa(caller, user_id)
    return _detail(await services.admin_users.get(caller, user_id))


@router.post("/users/{user_id}/verify-email", responses=_ACT)
async def verify_email_of_user(user_id: UUID, caller: Caller, services: Services) -> UserDetail:
    """Where no letter arrives: the supervisor vouches that the address is the user's."""
    await services.supervision.verify_email(caller, user_id)
    return _detail(await services.admin_users.get(caller, user_id))


@router.post("/users/{user_id}/anonymise", responses=_ACT)
async def anonymise_user(user_id: UUID, body: UserAnonymisation, caller: Caller, services: Services) -> UserDetail:
    """Everything personal goes, here and in all services, for good. See `/users/{user_id}/erasure` afterwards."""
    await services.supervision.anonymise(caller, user_id, confirm=body.confirm)
    return _detail(await services.admin_users.get(caller, user_id))


def _filters(query: UserExportQuery) -> Filters:
    return Filters(**{name: getattr(query, name) for name in Filters.__dataclass_fields__})


def _order(query: UserExportQuery) -> keyset.Order:
    return order_of(query.sort, descending=query.order == "desc")


async def _rows(pages: AsyncIterator[Sequence[Any]]) -> AsyncIterator[list[UserRow]]:
    async for page in pages:
        yield [UserRow.model_validate(row) for row in page]


def _detail(detail: Detail) -> UserDetail:
    found = UserDetail.model_validate(detail.account)
    if detail.erasure is not None:
        found.erasure = ErasureOut.model_validate(detail.erasure)
    return found
