from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Group = Literal["api", "documents", "security"]


class SettingPut(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: Any = Field(examples=[600], description="Of the setting's own type and within its bounds")
    version: int | None = Field(
        default=None, ge=0, le=2**31 - 1, examples=[1], description="What was read; another one now is a conflict"
    )


class SettingOut(BaseModel):
    """`schema`: type and bounds as JSON schema. `is_set` false: the default holds. `version` 0: it was never set."""

    name: str
    group: Group
    description: str = Field(examples=["가입할 수 있는 사람"])
    value_schema: dict[str, Any] = Field(serialization_alias="schema")
    default: Any
    value: Any
    is_set: bool
    version: int
    changed_at: datetime | None


class SettingChangeOut(BaseModel):
    """Absent values: the default held."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    old_value: Any = Field(description="null: the default held")
    new_value: Any = Field(description="null: back to the default")
    changed_by: UUID
    changed_by_name: str = Field(examples=["김관리"])
    changed_at: datetime
    ip: str | None = Field(examples=["203.0.113.7"])
    user_agent: str | None = Field(examples=["Mozilla/5.0"])
