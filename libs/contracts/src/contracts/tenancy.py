"""Whose work a fact belongs to. All ids absent but the user's: personal work outside any org."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Tenant(BaseModel):
    model_config = ConfigDict(frozen=True)

    org_id: UUID | None = None
    partner_id: UUID | None = None
    class_id: UUID | None = None
    user_id: UUID
