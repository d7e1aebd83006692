from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from rag.schemas.fields import AN_ID, NO_NUL, Given, Name

Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000, pattern=NO_NUL)]
Instructions = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000, pattern=NO_NUL)]

_NAME: Any = Field(examples=["과제 도우미"])
_DESCRIPTION: Any = Field(description="For whoever chooses it", examples=["1주차부터 4주차까지의 과제를 돕습니다."])
_INSTRUCTIONS: Any = Field(
    description="How it shall answer: tone, form, level, emphasis. The platform's own rules stand above it",
    examples=["존댓말로 세 문장 안에서 답하고, 마지막에 확인 질문을 하나 하세요."],
)
_CLASS: Any = Field(
    description="Whose people may talk with it, and who pays for that; whoever teaches there may set it",
    examples=[AN_ID],
)


class AgentIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name, _NAME]
    description: Annotated[Description, _DESCRIPTION] = ""
    instructions: Annotated[Instructions, _INSTRUCTIONS] = ""
    class_id: Annotated[UUID | None, _CLASS] = None


class AgentPatch(BaseModel):
    """What is left out stays as it is; `class_id` null takes it back from its class."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, Given, _NAME] = None
    description: Annotated[Description | None, Given, _DESCRIPTION] = None
    instructions: Annotated[Instructions | None, Given, _INSTRUCTIONS] = None
    class_id: Annotated[UUID | None, _CLASS] = None

    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class AgentOut(BaseModel):
    agent_id: UUID
    name: str
    description: str
    instructions: str | None = Field(description="Its owner sees it; null for others")
    class_id: UUID | None
    is_own: bool
    created_at: datetime
