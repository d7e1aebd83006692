"""What every service reports of a model call; each publisher gives it a type of its own."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.event import Event
from contracts.tenancy import Tenant


class Operation(StrEnum):
    CHAT = "chat"
    PRACTICE = "practice"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    TITLE = "title"


class Outcome(StrEnum):
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


class ModelUsage(Event):
    """One model call. Tokens are the provider's own count, or ours with `estimated` set when it gave none.

    `reference` names the document, message or search that the call served, as `<noun>/<id>`.
    """

    usage_id: UUID
    tenant: Tenant
    operation: Operation
    provider: str
    model: str
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    estimated: bool = False
    outcome: Outcome = Outcome.COMPLETED
    reference: str
    duration_ms: int | None = Field(default=None, ge=0)
    first_token_ms: int | None = Field(default=None, ge=0)
    occurred_at: AwareDatetime
