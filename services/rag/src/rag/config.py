from typing import Literal

from pydantic import Field, SecretStr

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """`vector_database_url`: role vector_reader. An empty `llm_base_url` means growfit-extractive."""

    # The only backend of this version; another value is refused at start rather than ignored.
    vector_backend: Literal["pgvector"] = "pgvector"
    vector_database_url: str
    embedding_base_url: str
    embedding_model: str = "multilingual-e5-small"
    # The name that usage is booked under.
    embedding_provider: str = "growfit-embedder"
    embedding_api_key: SecretStr = SecretStr("local")
    # What stands before /rerank; without it the order is that of the index.
    rerank_base_url: str = Field(default="", pattern=r"^(https?://[^\s/]+\S*)?$")
    rerank_model: str = ""
    rerank_api_key: SecretStr = SecretStr("")
    # The name that usage is booked under.
    rerank_provider: str = "reranker"
    llm_base_url: str = Field(default="", pattern=r"^(https?://[^\s/]+\S*)?$")
    llm_api_key: SecretStr = SecretStr("")
    llm_model: str = ""
    passages: int = Field(default=5, ge=1, le=50)
    answer_seconds: int = Field(default=120, gt=0)

    @property
    def reranks_with(self) -> str:
        """A server that has one model alone needs no name; the booking does."""
        return self.rerank_model or "default"
