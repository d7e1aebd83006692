from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from chassis.settings import ServiceSettings
from retrieval.configured import OWN_SHAPE, ConfiguredModels

MIB = 1024**2


class Settings(ServiceSettings):
    """`storage_url`: `file:///…` or `s3://bucket/prefix`. `vector_database_url`: role vector_writer."""

    storage_url: str
    # For `s3://bucket/prefix`. Empty: AWS's own address, environment variables and roles.
    s3_endpoint: str = ""
    s3_region: str = ""
    s3_access_key_id: str = ""
    s3_secret_access_key: SecretStr = SecretStr("")
    # MinIO and most others want the bucket in the path, AWS in the host's name.
    s3_path_style: bool = True
    max_upload_bytes: int = Field(default=200 * MIB, gt=0)
    # Of one `POST /documents/bulk`.
    max_bulk_files: int = Field(default=50, gt=0)
    max_bulk_bytes: int = Field(default=1024 * MIB, gt=0)
    # Of download links: base64 of 32 bytes. Several divided by commas: the first one signs, all of them are believed.
    link_signing_key: SecretStr
    # Of a new installation's first index. A running one moves by a migration.
    vector_backend: Literal["pgvector", "qdrant"] = "pgvector"
    vector_database_url: str
    # Empty: there is none, and no index may lead there.
    qdrant_url: str = Field(default="", pattern=r"^(https?://[^\s/]+\S*)?$")
    qdrant_api_key: SecretStr = SecretStr("")
    embedding_base_url: str
    embedding_model: str = "multilingual-e5-small"
    # The name that usage is booked under.
    embedding_provider: str = "growfit-embedder"
    embedding_api_key: SecretStr = SecretStr("local")
    # Its calls: for a remote provider as many texts and tokens as it takes in one.
    embedding_batch_texts: int = Field(default=OWN_SHAPE.texts, ge=1)
    embedding_batch_tokens: int = Field(default=OWN_SHAPE.tokens, ge=1)
    embedding_calls_at_once: int = Field(default=OWN_SHAPE.calls_at_once, ge=1, le=64)
    # Further models, for a migration from one to another: see `retrieval.configured`.
    embedding_models: Annotated[ConfiguredModels, NoDecode] = Field(default_factory=dict)
    chunk_tokens: int = Field(default=240, ge=32)
    # Documents that one worker process works on at once.
    processing_slots: int = Field(default=4, ge=1, le=64)
    # How long both indexes are written after all reads have moved, before a migration may be finalised.
    migration_hold_hours: int = Field(default=168, ge=0)
    # How long the backup of a dropped index is kept; 0 for ever.
    index_backup_days: int = Field(default=30, ge=0)
    # Less than a chunk; what two neighbours may share at most.
    chunk_overlap: int = Field(default=40, ge=0)
    parse_seconds: int = Field(default=120, gt=0)
    parse_memory_bytes: int = Field(default=1024 * MIB, gt=0)
    max_pages: int = Field(default=10_000, gt=0)
    # Pages that are pictures. Empty: the folder that set-up or the system has (`ingest.adapters.ocr_languages`).
    ocr_tessdata: str = ""
    ocr_page_seconds: int = Field(default=30, gt=0)
    max_ocr_pages: int = Field(default=200, ge=0)

    @model_validator(mode="after")
    def _can_write_its_own_index(self) -> Self:
        if self.vector_backend == "qdrant" and not self.qdrant_url:
            raise ValueError("VECTOR_BACKEND=qdrant needs QDRANT_URL")
        return self
