from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from rag.schemas.fields import AN_ID, Asked


class SearchIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    query: Asked = Field(max_length=2000, examples=["초대 코드는 몇 시간 동안 쓸 수 있나요?"])
    top_k: int = Field(default=5, ge=1, le=50, examples=[5])
    class_id: UUID | None = Field(default=None, description="The class that pays for the search", examples=[AN_ID])
    project_id: UUID | None = Field(default=None, description="Only what is in this project", examples=[AN_ID])
    agent_id: UUID | None = Field(
        default=None, description="Only what this agent has; it says who pays, so no `class_id`", examples=[AN_ID]
    )
    document_ids: list[UUID] = Field(
        default_factory=list, max_length=100, description="Only these documents", examples=[[AN_ID]]
    )


class ArmOut(BaseModel):
    """`rank`: the place, from 1, among the candidates of this side of the search; null when it did not bring the hit.
    `score`: the cosine, or the share of the question's words by rarity.
    """

    rank: int | None = Field(examples=[1])
    score: float = Field(examples=[0.87])


class HitExplainedOut(BaseModel):
    """`fused_score` = dense score + lexical weight × lexical score; `rerank_score`: only where a reranker ordered."""

    dense: ArmOut
    lexical: ArmOut
    fused_score: float = Field(examples=[0.93])
    rerank_score: float | None


class RankingOut(BaseModel):
    """`terms`: what was looked for of the question's words. `rerank_error`: why the fused order stands after all."""

    backend: str = Field(examples=["pgvector"])
    index: str = Field(examples=["pgvector:multilingual-e5-small:384"])
    model: str = Field(examples=["multilingual-e5-small"])
    lexical_weight: float = Field(examples=[0.11])
    terms: list[str] = Field(examples=[["초대", "코드", "초대코드"]])
    rerank_model: str | None
    rerank_error: str | None


class HitOut(BaseModel):
    """`score` = `cosine` + the model's lexical weight × `lexical`. Offsets count characters of the page's text."""

    chunk_id: str = Field(examples=["5b0c9a"])
    document_id: UUID
    title: str
    page_from: int | None
    page_to: int | None
    char_start: int | None
    char_end: int | None
    headings: list[str] = Field(
        description="Under which it stands, the outermost first", examples=[["제3장 운영", "3.2 초대 코드"]]
    )
    text: str
    score: float
    cosine: float
    lexical: float
    explain: HitExplainedOut | None = Field(default=None, description="Only with `explain=true`")


class SearchOut(BaseModel):
    search_id: UUID
    hits: list[HitOut]
    explain: RankingOut | None = Field(default=None, description="Only with `explain=true`")
