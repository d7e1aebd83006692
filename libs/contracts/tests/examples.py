"""One realistic example of every event type. `python libs/contracts/tests/examples.py` writes the golden files
that are missing; an existing one is never written again, because what is published stays readable for ever.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

from contracts import digests, identity, ingest, org_partner, rag, usage_metrics
from contracts.audit import AuditEntry, AuditOutcome
from contracts.envelope import CloudEvent, encode, wrap
from contracts.erasure import Erasure
from contracts.event import Event
from contracts.tenancy import Tenant
from contracts.usage import Operation, Outcome

GOLDEN = Path(__file__).with_name("golden")
AT = datetime(2026, 11, 22, 9, 30, 15, 250_000, tzinfo=UTC)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def an_id(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"growfit:{name}")


USER, ORG, PARTNER, COURSE, CLASS = (an_id(name) for name in ("user", "org", "partner", "course", "class"))
STUDENT, ENROLLMENT, MEMBERSHIP = (an_id(name) for name in ("student", "enrollment", "membership"))
DOCUMENT, BUDGET, INCIDENT = (an_id(name) for name in ("document", "budget", "incident"))
IN_CLASS = Tenant(org_id=ORG, partner_id=PARTNER, class_id=CLASS, user_id=USER)
PERSONAL = Tenant(user_id=USER)
TITLE = "AI 실습 과정 운영 안내서.pdf"
MODEL = "multilingual-e5-small"


def audited[T: AuditEntry](kind: type[T], action: str, target: str, **facts: object) -> T:
    return kind.model_validate(
        {
            "audit_id": an_id(f"{kind.type} {action}"),
            "action": action,
            "actor_id": USER,
            "session_id": an_id("session"),
            "target": target,
            "ip": "203.0.113.7",
            "user_agent": "Mozilla/5.0",
            "request_id": "9c1f0a7de0d94b2c",
            "occurred_at": AT,
            **facts,
        }
    )


def erased[T: Erasure](kind: type[T], **tables: int) -> T:
    counts = {name.replace("__", "."): count for name, count in tables.items()}
    return kind(user_id=USER, erased=counts, remaining=0, erased_at=AT)


_IDENTITY = (
    identity.UserRegistered(
        user_id=USER,
        email="minji.kim@example.org",
        display_name="김민지",
        tier=identity.Tier.USER,
        locale="ko",
        registered_at=AT,
    ),
    identity.UserChanged(
        user_id=USER,
        email="minji.kim@example.org",
        display_name="김민지",
        tier=identity.Tier.USER,
        locale="ko",
        status=identity.UserStatus.SUSPENDED,
        token_epoch=1,
        version=2,
        changed_at=AT,
    ),
    audited(identity.AuditRecorded, "user.logged_in", f"user/{USER}", outcome=AuditOutcome.REFUSED, actor_id=None),
    identity.UserAnonymised(user_id=USER, version=3, anonymised_at=AT),
    identity.SessionRevoked(user_id=USER, session_id=an_id("session"), token_epoch=1, revoked_at=AT),
    identity.PlatformSettingsChanged(
        setting_id=an_id("setting"), name="sign_up.open", value={"open": True}, version=2, changed_at=AT
    ),
)

_ENROLLED = {
    "enrollment_id": ENROLLMENT,
    "student_id": STUDENT,
    "user_id": USER,
    "class_id": CLASS,
    "partner_id": PARTNER,
    "org_id": ORG,
}
_ORG_PARTNER = (
    org_partner.OrgCreated(org_id=ORG, name="그로핏 아카데미", version=1, created_at=AT),
    org_partner.OrgChanged(
        org_id=ORG, name="그로핏 아카데미", status=org_partner.TenantStatus.SUSPENDED, version=2, changed_at=AT
    ),
    org_partner.PartnerChanged(
        partner_id=PARTNER,
        org_id=ORG,
        name="이도윤 강사",
        status=org_partner.TenantStatus.ACTIVE,
        version=2,
        changed_at=AT,
    ),
    org_partner.PartnerCreated(partner_id=PARTNER, org_id=ORG, name="이도윤 강사", version=1, created_at=AT),
    org_partner.CourseCreated(course_id=COURSE, org_id=ORG, name="생성형 AI 실무", version=1, created_at=AT),
    org_partner.ClassOpened(
        class_id=CLASS,
        course_id=COURSE,
        org_id=ORG,
        partner_id=PARTNER,
        name="11월 저녁반",
        version=1,
        opened_at=AT,
    ),
    org_partner.ClassClosed(class_id=CLASS, org_id=ORG, partner_id=PARTNER, version=2, closed_at=AT),
    org_partner.ClassConfigured(
        class_id=CLASS,
        org_id=ORG,
        partner_id=PARTNER,
        name="11월 저녁반",
        allowed_models=["gpt-4.1-mini", "growfit-extractive"],
        class_budget=org_partner.Budget(amount=500_000, currency="KRW", period="month"),
        student_budget=org_partner.Budget(amount=20_000, currency="KRW", period="total"),
        material_ids=[DOCUMENT],
        version=3,
        configured_at=AT,
    ),
    org_partner.MembershipGranted(
        membership_id=MEMBERSHIP,
        user_id=USER,
        org_id=ORG,
        partner_id=PARTNER,
        role=org_partner.Role.INSTRUCTOR,
        version=1,
        granted_at=AT,
    ),
    org_partner.MembershipRevoked(membership_id=MEMBERSHIP, user_id=USER, org_id=ORG, version=2, revoked_at=AT),
    org_partner.InvitationSent(
        invitation_id=an_id("invitation"),
        org_id=ORG,
        partner_id=PARTNER,
        address_digest=digests.of_address("minji.kim@hanbit.example").hex(),
        token_digest=digests.of_token("a token of a letter").hex(),
        version=1,
        expires_at=AT,
        sent_at=AT,
    ),
    org_partner.InvitationEnded(invitation_id=an_id("invitation"), org_id=ORG, version=2, ended_at=AT),
    org_partner.StudentEnrolled(**_ENROLLED, version=1, enrolled_at=AT),
    org_partner.EnrollmentPaused(**_ENROLLED, version=2, paused_at=AT),
    org_partner.EnrollmentEnded(**_ENROLLED, version=2, ended_at=AT),
    org_partner.LlmSettingsChanged(
        settings_id=an_id("settings"),
        org_id=ORG,
        partner_id=PARTNER,
        provider="openai",
        model="gpt-4.1-mini",
        allowed_models=["gpt-4.1-mini", "growfit-extractive"],
        version=4,
        changed_at=AT,
    ),
    org_partner.SettlementPolicyAdopted(
        policy_id=an_id("policy"),
        org_id=ORG,
        kind="share",
        share_bps=6_000,
        tiers=[org_partner.SettlementTier(from_amount=10_000_000, share_bps=7_000)],
        minimum_amount=50_000,
        currency="KRW",
        rounding="down",
        effective_from=AT,
        version=1,
        adopted_at=AT,
    ),
    org_partner.SettlementPolicyWithdrawn(policy_id=an_id("policy"), org_id=ORG, version=1, withdrawn_at=AT),
    audited(
        org_partner.AuditRecorded,
        "invite_code.issued",
        f"invite_code/{an_id('code')}",
        org_id=ORG,
        partner_id=PARTNER,
        class_id=CLASS,
        detail={"max_uses": 30},
    ),
    erased(org_partner.PersonalDataErased, org_partner__users=1),
)

_INGEST = (
    ingest.DocumentUploaded(
        document_id=DOCUMENT,
        version=1,
        tenant=IN_CLASS,
        title=TITLE,
        media_type="application/pdf",
        size_bytes=482_113,
        uploaded_at=AT,
    ),
    ingest.ChunksEmbedded(
        document_id=DOCUMENT,
        version=1,
        tenant=IN_CLASS,
        title=TITLE,
        scopes=[f"class:{CLASS}", f"user:{USER}"],
        page_count=24,
        chunk_count=61,
        index="pgvector_e5_small_384",
        model=MODEL,
        dimension=384,
        embedded_at=AT,
    ),
    ingest.DocumentFailed(document_id=DOCUMENT, version=1, tenant=PERSONAL, reason="pdf_encrypted", failed_at=AT),
    ingest.DocumentDeleted(document_id=DOCUMENT, version=2, tenant=IN_CLASS, chunks_deleted=61, deleted_at=AT),
    ingest.DocumentShared(
        document_id=DOCUMENT,
        version=3,
        tenant=IN_CLASS,
        title=TITLE,
        scopes=[f"class:{CLASS}", f"user:{USER}"],
        shared_at=AT,
    ),
    audited(ingest.AuditRecorded, "document.deleted", f"document/{DOCUMENT}"),
    erased(ingest.PersonalDataErased, user__documents=3, user__chunks=61),
    ingest.VectorReadSwitched(
        switch_id=an_id("switch"),
        index=f"pgvector:{MODEL}:384",
        backend="pgvector",
        model=MODEL,
        dimension=384,
        version=2,
        routes=[
            ingest.ReadRoute(
                index=f"qdrant:{MODEL}:384",
                backend="qdrant",
                model=MODEL,
                dimension=384,
                org_ids=[an_id("org")],
                share=10,
            )
        ],
        shadows=[ingest.ShadowRead(index=f"qdrant:{MODEL}:384", backend="qdrant", model=MODEL, dimension=384, share=5)],
        switched_at=AT,
    ),
    ingest.UsageRecorded(
        usage_id=an_id("embedding usage"),
        tenant=IN_CLASS,
        operation=Operation.EMBEDDING,
        provider="growfit",
        model=MODEL,
        input_tokens=18_240,
        output_tokens=0,
        reference=f"document/{DOCUMENT}",
        duration_ms=3_120,
        occurred_at=AT,
    ),
)

_RAG = (
    audited(rag.AuditRecorded, "request.forbidden", "route/search", outcome=AuditOutcome.REFUSED),
    erased(rag.PersonalDataErased, user__conversations=2),
    rag.MessageAnswered(
        message_id=an_id("message"),
        conversation_id=an_id("conversation"),
        tenant=IN_CLASS,
        model="growfit-extractive",
        outcome=Outcome.COMPLETED,
        citation_count=2,
        first_token_ms=180,
        duration_ms=420,
        answered_at=AT,
    ),
    rag.ProjectCreated(project_id=an_id("project"), tenant=PERSONAL, version=1, created_at=AT),
    rag.ProjectDeleted(project_id=an_id("project"), tenant=PERSONAL, version=2, deleted_at=AT),
    rag.AgentCreated(agent_id=an_id("agent"), tenant=PERSONAL, version=1, created_at=AT),
    rag.AgentShared(agent_id=an_id("agent"), tenant=IN_CLASS, version=2, shared_at=AT),
    rag.AgentDeleted(agent_id=an_id("agent"), tenant=IN_CLASS, version=3, deleted_at=AT),
    rag.PracticeCompleted(
        practice_id=an_id("practice"),
        tenant=IN_CLASS,
        models=["gpt-4.1-mini", "growfit-extractive"],
        completed_at=AT,
    ),
    rag.ShadowSearchesCompared(
        report_id=an_id("shadow searches"),
        index=f"qdrant:{MODEL}:384",
        against=f"pgvector:{MODEL}:384",
        searches=120,
        failures=1,
        overlap=0.998,
        worst=0.9,
        milliseconds=4.2,
        against_milliseconds=6.5,
        since=AT,
        until=AT,
    ),
    rag.UsageRecorded(
        usage_id=an_id("chat usage"),
        tenant=PERSONAL,
        operation=Operation.CHAT,
        provider="openai",
        model="gpt-4.1-mini",
        input_tokens=1_480,
        output_tokens=212,
        estimated=True,
        outcome=Outcome.CANCELLED,
        reference=f"message/{an_id('message')}",
        duration_ms=1_950,
        first_token_ms=310,
        occurred_at=AT,
    ),
)

_USAGE_METRICS = (
    audited(usage_metrics.AuditRecorded, "audit_log.exported", "audit_log/all", detail={"rows": 120}),
    erased(usage_metrics.PersonalDataErased, usage_metrics__memberships=1),
    usage_metrics.BudgetExceeded(budget_id=BUDGET, tenant=IN_CLASS, period="2026-11", version=7, exceeded_at=AT),
    usage_metrics.BudgetRestored(budget_id=BUDGET, tenant=IN_CLASS, period="2026-11", version=8, restored_at=AT),
    usage_metrics.IncidentOpened(
        incident_id=INCIDENT, severity="major", summary="임베딩 서버가 응답하지 않습니다", opened_at=AT
    ),
    usage_metrics.IncidentResolved(incident_id=INCIDENT, resolved_at=AT),
    usage_metrics.ReportReady(
        report_id=an_id("report"), kind="monthly_usage", org_id=ORG, period="2026-10", ready_at=AT
    ),
)


def enveloped(event: Event) -> CloudEvent[Event]:
    return wrap(event, event_id=an_id(event.type), time=AT, traceparent=TRACEPARENT)


EXAMPLES = {event.type: enveloped(event) for event in (*_IDENTITY, *_ORG_PARTNER, *_INGEST, *_RAG, *_USAGE_METRICS)}


def write_missing() -> Iterator[Path]:
    for name, envelope in EXAMPLES.items():
        path = GOLDEN / f"{name}.json"
        if not path.exists():
            path.write_bytes(encode(envelope) + b"\n")
            yield path


if __name__ == "__main__":
    print(*write_missing(), sep="\n")  # noqa: T201  a script's answer
