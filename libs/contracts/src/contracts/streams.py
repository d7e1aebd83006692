"""The streams and durable consumers, as data. `python -m chassis.provision` applies them; services only bind.

Times are seconds. Reasons for the numbers are measured facts: JetStream refuses (`discard new`) instead of
losing when a stream is full; `backoff` is never set because it replaces `ack_wait`; handlers that run longer
than `ack_wait` keep their message with in-progress acks.
"""

from dataclasses import dataclass

from contracts import identity, ingest, org_partner, rag, usage_metrics
from contracts.event import Event

DAY = 86_400
GIB = 1024**3

ADVISORIES = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES"


@dataclass(frozen=True, kw_only=True)
class Stream:
    name: str
    subjects: tuple[str, ...]
    max_age: int = 7 * DAY
    max_bytes: int = GIB
    duplicate_window: int = 600


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A durable of `service`, handled by the function `handler` in its `events` room."""

    service: str
    handler: str
    stream: str
    events: tuple[type[Event], ...] = ()
    subjects: tuple[str, ...] = ()
    ack_wait: int = 30
    # With pauses that grow to a minute this outlives an hour and a half without database or provider. A defect or a
    # wrong message is given up much earlier: the kind of the error decides that, not this number.
    max_deliver: int = 100
    max_ack_pending: int = 8

    @property
    def durable(self) -> str:
        return f"{self.service}-{self.handler}"

    @property
    def filter_subjects(self) -> tuple[str, ...]:
        return tuple(event.type for event in self.events) or self.subjects


def _publisher_stream(package: str) -> Stream:
    return Stream(name=package.upper(), subjects=(f"{package}.>",))


SERVICES = ("identity", "org_partner", "ingest", "rag", "usage_metrics")
DEAD = Stream(name="DEAD", subjects=("dead.>", f"{ADVISORIES}.>"), max_age=30 * DAY)
STREAMS = (*(_publisher_stream(package) for package in SERVICES), DEAD)

_TENANCY = (
    org_partner.OrgChanged,
    org_partner.PartnerCreated,
    org_partner.PartnerChanged,
    org_partner.MembershipGranted,
    org_partner.MembershipRevoked,
    org_partner.StudentEnrolled,
    org_partner.EnrollmentPaused,
    org_partner.EnrollmentEnded,
    org_partner.ClassOpened,
    org_partner.ClassClosed,
)

# What every other service must know of identity: who is locked out, and how the platform is set.
_PLATFORM = (identity.UserChanged, identity.SessionRevoked, identity.PlatformSettingsChanged)

_FOLLOWERS = tuple(service for service in SERVICES if service != "identity")
_AUDITED = {
    "IDENTITY": identity.AuditRecorded,
    "ORG_PARTNER": org_partner.AuditRecorded,
    "INGEST": ingest.AuditRecorded,
    "RAG": rag.AuditRecorded,
    "USAGE_METRICS": usage_metrics.AuditRecorded,
}
_ERASERS = {
    "ORG_PARTNER": org_partner.PersonalDataErased,
    "INGEST": ingest.PersonalDataErased,
    "RAG": rag.PersonalDataErased,
    "USAGE_METRICS": usage_metrics.PersonalDataErased,
}

_WORKING = (
    *(Consumer(service=name, handler="follow_platform", stream="IDENTITY", events=_PLATFORM) for name in _FOLLOWERS),
    *(
        Consumer(service=name, handler="erase_user", stream="IDENTITY", events=(identity.UserAnonymised,))
        for name in _FOLLOWERS
    ),
    *(
        Consumer(service="identity", handler="note_erasure", stream=name, events=(each,))
        for name, each in _ERASERS.items()
    ),
    Consumer(service="identity", handler="project_tenancy", stream="ORG_PARTNER", events=_TENANCY),
    Consumer(
        service="identity",
        handler="note_invitation",
        stream="ORG_PARTNER",
        events=(org_partner.InvitationSent, org_partner.InvitationEnded),
    ),
    Consumer(
        service="org_partner",
        handler="register_user",
        stream="IDENTITY",
        events=(identity.UserRegistered, identity.UserChanged),
    ),
    Consumer(
        service="org_partner",
        handler="note_document",
        stream="INGEST",
        events=(ingest.DocumentUploaded, ingest.ChunksEmbedded, ingest.DocumentShared, ingest.DocumentDeleted),
    ),
    Consumer(service="rag", handler="follow_vector_reads", stream="INGEST", events=(ingest.VectorReadSwitched,)),
    Consumer(service="ingest", handler="note_shadow_searches", stream="RAG", events=(rag.ShadowSearchesCompared,)),
    Consumer(
        service="ingest",
        handler="project_shelves",
        stream="RAG",
        events=(rag.ProjectCreated, rag.ProjectDeleted, rag.AgentCreated, rag.AgentShared, rag.AgentDeleted),
    ),
    Consumer(service="org_partner", handler="note_answer", stream="RAG", events=(rag.MessageAnswered,)),
    Consumer(service="ingest", handler="project_tenancy", stream="ORG_PARTNER", events=_TENANCY),
    Consumer(service="ingest", handler="share_materials", stream="ORG_PARTNER", events=(org_partner.ClassConfigured,)),
    Consumer(
        service="ingest",
        handler="process_document",
        stream="INGEST",
        events=(ingest.DocumentUploaded,),
        # Short, so that a killed worker's document is taken up again soon; a living one beats every third of it.
        ack_wait=15,
        max_ack_pending=4,
    ),
    Consumer(service="rag", handler="project_tenancy", stream="ORG_PARTNER", events=_TENANCY),
    Consumer(
        service="rag",
        handler="admit_document",
        stream="INGEST",
        events=(ingest.ChunksEmbedded, ingest.DocumentShared, ingest.DocumentDeleted),
    ),
    Consumer(service="usage_metrics", handler="project_tenancy", stream="ORG_PARTNER", events=_TENANCY),
    Consumer(service="usage_metrics", handler="record_usage", stream="INGEST", events=(ingest.UsageRecorded,)),
    Consumer(service="usage_metrics", handler="record_usage", stream="RAG", events=(rag.UsageRecorded,)),
    *(
        Consumer(service="usage_metrics", handler="record_audit", stream=name, events=(each,))
        for name, each in _AUDITED.items()
    ),
)


def _exhausted(service: str) -> Consumer:
    """Tells a service of its own messages that used up their deliveries, also when the worker died on the last."""
    own = [consumer for consumer in _WORKING if consumer.service == service]
    subjects = tuple(f"{ADVISORIES}.{consumer.stream}.{consumer.durable}" for consumer in own)
    # Without end: nothing stands behind the burial that would notice that it was given up itself.
    return Consumer(service=service, handler="bury_exhausted", stream=DEAD.name, subjects=subjects, max_deliver=-1)


# Downstream analytics read through durables made for them: whoever may create consumers can have messages
# delivered to any subject. An unread durable costs nothing, the streams keep by age and size.
ANALYTICS = tuple(
    Consumer(
        service="analytics",
        handler="read",
        stream=package.upper(),
        subjects=(f"{package}.>",),
        max_deliver=-1,
        max_ack_pending=1000,
    )
    for package in SERVICES
)

CONSUMERS = (
    *_WORKING,
    *ANALYTICS,
    *(_exhausted(service) for service in SERVICES if any(c.service == service for c in _WORKING)),
)


def consumers_of(service: str) -> tuple[Consumer, ...]:
    return tuple(consumer for consumer in CONSUMERS if consumer.service == service)
