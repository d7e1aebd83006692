"""Who may do what, decided here alone. Default deny: one's own account, or everybody's for a supervisor."""

from chassis.auth import Principal
from chassis.errors import Forbidden
from identity.crud.scopes import Own, Supervisor
from identity.errors import SUPERVISOR_ONLY


def supervisor(caller: Principal) -> Supervisor:
    """
    Raises:
        Forbidden: the caller is no supervisor.
    """
    if not caller.is_supervisor:
        raise Forbidden(SUPERVISOR_ONLY)
    return Supervisor(caller.user_id)


def own(caller: Principal) -> Own:
    return Own(caller.user_id)
