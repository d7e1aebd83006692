from typing import Literal

from pydantic import Field, SecretStr

from chassis.settings import ServiceSettings

MIB = 1024**2


class Settings(ServiceSettings):
    """`storage_url`: `file:///…` or any URL that obstore reads. `vector_database_url`: role vector_writer."""

    storage_url: str
    max_upload_bytes: int = Field(default=200 * MIB, gt=0)
    # The only backend of this version; another value is refused at start rather than ignored.
    vector_backend: Literal["pgvector"] = "pgvector"
    vector_database_url: str
    embedding_base_url: str
    embedding_model: str = "multilingual-e5-small"
    # The name that usage is booked under.
    embedding_provider: str = "growfit-embedder"
    embedding_api_key: SecretStr = SecretStr("local")
    chunk_tokens: int = Field(default=240, ge=32)
    parse_seconds: int = Field(default=120, gt=0)
    parse_memory_bytes: int = Field(default=1024 * MIB, gt=0)
    max_pages: int = Field(default=10_000, gt=0)
    # Pages that are pictures. Empty: the folder that set-up or the system has (`ingest.adapters.ocr_languages`).
    ocr_tessdata: str = ""
    ocr_page_seconds: int = Field(default=30, gt=0)
    max_ocr_pages: int = Field(default=200, ge=0)
