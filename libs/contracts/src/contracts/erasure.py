"""What a service reports after it erased an anonymised user's data; each publisher gives it a type of its own."""

from uuid import UUID

from pydantic import AwareDatetime

from contracts.event import Event


class Erasure(Event):
    """`erased`: rows erased by table, as `user.documents`. `remaining`: rows of personal data that are left."""

    user_id: UUID
    erased: dict[str, int]
    remaining: int
    erased_at: AwareDatetime
