"""Facts that ingest publishes: the life of a document, its embedding usage, and where vectors are read."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.audit import AuditEntry
from contracts.erasure import Erasure
from contracts.event import Event
from contracts.tenancy import Tenant
from contracts.usage import ModelUsage


class DocumentUploaded(Event, type="ingest.document.uploaded.v1", key="document_id"):
    document_id: UUID
    version: int
    tenant: Tenant
    title: str
    media_type: str
    size_bytes: int
    uploaded_at: AwareDatetime


class ChunksEmbedded(Event, type="ingest.chunks.embedded.v1", key="document_id"):
    """The document is whole in every write index and may be searched by the holders of `scopes`."""

    document_id: UUID
    version: int
    tenant: Tenant
    title: str
    scopes: list[str]
    page_count: int
    chunk_count: int
    index: str
    model: str
    dimension: int
    embedded_at: AwareDatetime


class DocumentFailed(Event, type="ingest.document.failed.v1", key="document_id"):
    document_id: UUID
    version: int
    tenant: Tenant
    reason: str
    failed_at: AwareDatetime


class DocumentDeleted(Event, type="ingest.document.deleted.v1", key="document_id"):
    document_id: UUID
    version: int
    tenant: Tenant
    chunks_deleted: int
    deleted_at: AwareDatetime


class DocumentShared(Event, type="ingest.document.shared.v1", key="document_id"):
    """Who may find the document now: the whole list, which replaces the one before."""

    document_id: UUID
    version: int
    tenant: Tenant
    title: str
    scopes: list[str]
    shared_at: AwareDatetime


class ReadIndex(BaseModel):
    """An index that searches may read. `index` spells the rest: `qdrant:multilingual-e5-small:384`."""

    model_config = ConfigDict(frozen=True)

    index: str
    backend: str
    model: str
    dimension: int


class ReadRoute(ReadIndex):
    """Who reads here and not in the default index: who has a part in one of these orgs, and `share` of 100 users."""

    org_ids: list[UUID] = Field(default_factory=list)
    share: int = Field(0, ge=0, le=100)


class ShadowRead(ReadIndex):
    """`share` of 100 searches are asked here as well, and only compared: nobody sees these answers."""

    share: int = Field(0, ge=0, le=100)


class VectorReadSwitched(Event, type="ingest.vector_read.switched.v1", key="switch_id"):
    """Where searches read from now on: the whole rule, which replaces the one before. The highest `version` holds."""

    switch_id: UUID
    index: str
    backend: str
    model: str
    dimension: int
    version: int
    routes: list[ReadRoute] = Field(default_factory=list)
    shadows: list[ShadowRead] = Field(default_factory=list)
    switched_at: AwareDatetime


class UsageRecorded(ModelUsage, type="ingest.usage.recorded.v1", key="usage_id"):
    pass


class AuditRecorded(AuditEntry, type="ingest.audit.recorded.v1", key="audit_id"):
    pass


class PersonalDataErased(Erasure, type="ingest.personal_data.erased.v1", key="user_id"):
    pass
