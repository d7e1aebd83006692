"""Facts that usage-metrics publishes: budgets, incidents, reports."""

from uuid import UUID

from pydantic import AwareDatetime

from contracts.audit import AuditEntry
from contracts.erasure import Erasure
from contracts.event import Event
from contracts.tenancy import Tenant


class BudgetExceeded(Event, type="usage_metrics.budget.exceeded.v1", key="budget_id"):
    budget_id: UUID
    tenant: Tenant
    period: str
    version: int
    exceeded_at: AwareDatetime


class BudgetRestored(Event, type="usage_metrics.budget.restored.v1", key="budget_id"):
    budget_id: UUID
    tenant: Tenant
    period: str
    version: int
    restored_at: AwareDatetime


class IncidentOpened(Event, type="usage_metrics.incident.opened.v1", key="incident_id"):
    incident_id: UUID
    severity: str
    summary: str
    opened_at: AwareDatetime


class IncidentResolved(Event, type="usage_metrics.incident.resolved.v1", key="incident_id"):
    incident_id: UUID
    resolved_at: AwareDatetime


class ReportReady(Event, type="usage_metrics.report.ready.v1", key="report_id"):
    report_id: UUID
    kind: str
    org_id: UUID | None = None
    period: str
    ready_at: AwareDatetime


class AuditRecorded(AuditEntry, type="usage_metrics.audit.recorded.v1", key="audit_id"):
    pass


class PersonalDataErased(Erasure, type="usage_metrics.personal_data.erased.v1", key="user_id"):
    pass
