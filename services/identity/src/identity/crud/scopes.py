"""What a query over accounts must be given. `service.permission` alone makes these; a test holds that.

A function that asks for one of them cannot be called before somebody decided that the caller may.
"""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Everybody's rows. `user_id`: the supervisor's own, for what nobody may do to themselves."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class Own:
    """The caller's rows and no others."""

    user_id: UUID
