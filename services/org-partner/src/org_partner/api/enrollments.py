from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.enrollments import ChangeOut, EnrollmentAction, EnrollmentOut, EnrollmentStatus, TransferIn

router = APIRouter(tags=["enrollments"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, Unavailable)


@router.get("/enrollments", responses=responses(Unauthenticated, Invalid, Unavailable))
async def list_own_enrollments(
    page: PageSlice,
    caller: Caller,
    services: Services,
    status: Annotated[EnrollmentStatus | None, Query(examples=["active"])] = None,
) -> Page[EnrollmentOut]:
    """One's own."""
    rows = await services.enrollments.list_own(caller, page, status=status)
    return page_of(
        rows, page, place=lambda row: (row.enrolled_at, row.enrollment_id), item=EnrollmentOut.model_validate
    )


@router.get("/enrollments/{enrollment_id}", responses=_READ)
async def read_enrollment(enrollment_id: UUID, caller: Caller, services: Services) -> EnrollmentOut:
    """For the student and the partner's staff."""
    return EnrollmentOut.model_validate(await services.enrollments.get(caller, enrollment_id))


@router.get("/enrollments/{enrollment_id}/history", responses=_READ)
async def list_enrollment_changes(
    enrollment_id: UUID,
    page: PageSlice,
    caller: Caller,
    services: Services,
    action: Annotated[EnrollmentAction | None, Query(examples=["paused"])] = None,
) -> Page[ChangeOut]:
    """Who did what to it and when, for the partner's staff; the latest first."""
    rows = await services.enrollments.list_history(caller, enrollment_id, page, action=action)
    return page_of(rows, page, place=lambda row: (row.changed_at, row.change_id), item=ChangeOut.model_validate)


@router.post("/enrollments/{enrollment_id}/pause", responses=_CHANGE)
async def pause_enrollment(enrollment_id: UUID, caller: Caller, services: Services) -> EnrollmentOut:
    """The student keeps the seat and cannot use the class."""
    await services.attendance.pause(caller, enrollment_id)
    return EnrollmentOut.model_validate(await services.enrollments.get(caller, enrollment_id))


@router.post("/enrollments/{enrollment_id}/resume", responses=_CHANGE)
async def resume_enrollment(enrollment_id: UUID, caller: Caller, services: Services) -> EnrollmentOut:
    """After a pause, or after an end if there is a seat."""
    await services.attendance.resume(caller, enrollment_id)
    return EnrollmentOut.model_validate(await services.enrollments.get(caller, enrollment_id))


@router.post("/enrollments/{enrollment_id}/end", responses=_READ)
async def end_enrollment(enrollment_id: UUID, caller: Caller, services: Services) -> EnrollmentOut:
    """The seat is free; only the staff brings the student back."""
    await services.attendance.end(caller, enrollment_id)
    return EnrollmentOut.model_validate(await services.enrollments.get(caller, enrollment_id))


@router.post("/enrollments/{enrollment_id}/leave", responses=_READ)
async def leave_class(enrollment_id: UUID, caller: Caller, services: Services) -> EnrollmentOut:
    """By the student, who may come back by a code."""
    await services.attendance.leave(caller, enrollment_id)
    return EnrollmentOut.model_validate(await services.enrollments.get(caller, enrollment_id))


@router.post("/enrollments/{enrollment_id}/transfer", responses=_CHANGE)
async def transfer_enrollment(
    enrollment_id: UUID, body: TransferIn, caller: Caller, services: Services
) -> EnrollmentOut:
    """End it and enrol the student in the other class, with what that one gives; the new enrolment."""
    made = await services.attendance.transfer(caller, enrollment_id, class_id=body.class_id)
    return EnrollmentOut.model_validate(await services.enrollments.get(caller, made))
