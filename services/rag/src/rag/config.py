from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from chassis.settings import ServiceSettings
from retrieval.configured import ConfiguredModels

_URL = r"^(https?://[^\s/]+\S*)?$"


class Settings(ServiceSettings):
    """`vector_database_url`: role vector_reader. An empty `llm_base_url` means growfit-extractive."""

    # What is wrong is told without its text, which may hold keys.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    # With the embedding model, the index that is read until ingest's migrations say otherwise.
    vector_backend: Literal["pgvector", "qdrant"] = "pgvector"
    vector_database_url: str
    # Empty: this process reads no index there.
    qdrant_url: str = Field(default="", pattern=_URL)
    qdrant_api_key: SecretStr = SecretStr("")
    embedding_base_url: str
    embedding_model: str = "multilingual-e5-small"
    # The name that usage is booked under.
    embedding_provider: str = "growfit-embedder"
    embedding_api_key: SecretStr = SecretStr("local")
    embedding_models: Annotated[ConfiguredModels, NoDecode] = Field(default_factory=dict)
    # What stands before /rerank; without it the order is that of the index.
    rerank_base_url: str = Field(default="", pattern=_URL)
    rerank_model: str = ""
    rerank_api_key: SecretStr = SecretStr("")
    # The name that usage is booked under.
    rerank_provider: str = "reranker"
    llm_base_url: str = Field(default="", pattern=_URL)
    llm_api_key: SecretStr = SecretStr("")
    llm_model: str = ""
    passages: int = Field(default=5, ge=1, le=50)
    answer_seconds: int = Field(default=120, gt=0)

    @property
    def reranks_with(self) -> str:
        """A server that has one model alone needs no name; the booking does."""
        return self.rerank_model or "default"

    @model_validator(mode="after")
    def _can_read_its_own_index(self) -> Self:
        if self.vector_backend == "qdrant" and not self.qdrant_url:
            raise ValueError("VECTOR_BACKEND=qdrant needs QDRANT_URL")
        return self
