"""Facts that rag publishes: projects and agents, answers, practice sessions, and the usage of every model call."""

from uuid import UUID

from pydantic import AwareDatetime

from contracts.audit import AuditEntry
from contracts.erasure import Erasure
from contracts.event import Event
from contracts.tenancy import Tenant
from contracts.usage import ModelUsage, Outcome


class ProjectCreated(Event, type="rag.project.created.v1", key="project_id"):
    project_id: UUID
    tenant: Tenant
    version: int
    created_at: AwareDatetime


class ProjectDeleted(Event, type="rag.project.deleted.v1", key="project_id"):
    project_id: UUID
    tenant: Tenant
    version: int
    deleted_at: AwareDatetime


class AgentCreated(Event, type="rag.agent.created.v1", key="agent_id"):
    """`tenant`: its owner, with the place of the class whose people may talk with it, if it has one."""

    agent_id: UUID
    tenant: Tenant
    version: int
    created_at: AwareDatetime


class AgentShared(Event, type="rag.agent.shared.v1", key="agent_id"):
    """The same of an agent whose class was set, changed or taken away. The highest `version` holds."""

    agent_id: UUID
    tenant: Tenant
    version: int
    shared_at: AwareDatetime


class AgentDeleted(Event, type="rag.agent.deleted.v1", key="agent_id"):
    agent_id: UUID
    tenant: Tenant
    version: int
    deleted_at: AwareDatetime


class MessageAnswered(Event, type="rag.message.answered.v1", key="message_id"):
    message_id: UUID
    conversation_id: UUID
    tenant: Tenant
    model: str
    outcome: Outcome
    citation_count: int
    first_token_ms: int | None = None
    duration_ms: int
    answered_at: AwareDatetime


class PracticeCompleted(Event, type="rag.practice.completed.v1", key="practice_id"):
    practice_id: UUID
    tenant: Tenant
    models: list[str]
    completed_at: AwareDatetime


class ShadowSearchesCompared(Event, type="rag.shadow_searches.compared.v1", key="report_id"):
    """How another index would have answered searches that were answered from `against`, summed up over some seconds.

    `overlap`: the mean share of the top ten that both brought, 0..1; `worst`: the least of them. `failures`: searches
    that the other index did not answer; they are not among `searches`. Times are medians.
    """

    report_id: UUID
    index: str
    against: str
    searches: int
    failures: int
    overlap: float
    worst: float
    milliseconds: float
    against_milliseconds: float
    since: AwareDatetime
    until: AwareDatetime


class UsageRecorded(ModelUsage, type="rag.usage.recorded.v1", key="usage_id"):
    pass


class AuditRecorded(AuditEntry, type="rag.audit.recorded.v1", key="audit_id"):
    pass


class PersonalDataErased(Erasure, type="rag.personal_data.erased.v1", key="user_id"):
    pass
