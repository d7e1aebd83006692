from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from rag.schemas.fields import AN_ID, Asked


class SearchIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    query: Asked = Field(max_length=2000, examples=["초대 코드는 몇 시간 동안 쓸 수 있나요?"])
    top_k: int = Field(default=5, ge=1, le=50, examples=[5])
    class_id: UUID | None = Field(default=None, description="The class that pays for the search", examples=[AN_ID])
    document_ids: list[UUID] = Field(
        default_factory=list, max_length=100, description="Only these documents", examples=[[AN_ID]]
    )


class HitOut(BaseModel):
    """`score` = `cosine` + the model's lexical weight × `lexical`. Offsets count characters of the page's text."""

    chunk_id: str = Field(examples=["5b0c9a"])
    document_id: UUID
    title: str
    page_from: int | None
    page_to: int | None
    char_start: int | None
    char_end: int | None
    text: str
    score: float
    cosine: float
    lexical: float


class SearchOut(BaseModel):
    search_id: UUID
    hits: list[HitOut]
