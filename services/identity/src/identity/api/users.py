from fastapi import APIRouter

from chassis.auth import Caller
from chassis.errors import NotFound, Unauthenticated, Unavailable
from chassis.problems import responses
from identity.api.wired import Services
from identity.schemas.users import UserOut

router = APIRouter(tags=["users"])


@router.get("/users/me", responses=responses(Unauthenticated, NotFound, Unavailable))
async def read_me(caller: Caller, services: Services) -> UserOut:
    return UserOut.model_validate(await services.accounts.get(caller.user_id))
