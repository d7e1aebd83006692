from typing import Annotated, Any

from fastapi import APIRouter, Query

from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.problems import responses
from rag.api.wired import Services
from rag.schemas.search import ArmOut, HitExplainedOut, HitOut, RankingOut, SearchIn, SearchOut
from rag.service.search import Ranking
from retrieval.store import Hit

router = APIRouter(tags=["search"])

Explain = Annotated[bool, Query(description="Show how each hit came to its place")]

# What the operator reads of a reranker's failure may name hosts; the caller learns that it failed.
_RERANK_FAILED = "the reranker did not answer; the order is that of the fused scores"


@router.post(
    "/search",
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid, RateLimited, Unavailable),
    response_model_exclude_unset=True,
)
async def search(body: SearchIn, caller: Caller, services: Services, *, explain: Explain = False) -> SearchOut:
    """The best passages by meaning and by words, of all documents the caller may see, or a project or an agent has."""
    found = await services.search.search(
        caller.user_id,
        body.query,
        top_k=body.top_k,
        class_id=body.class_id,
        document_ids=body.document_ids,
        project_id=body.project_id,
        agent_id=body.agent_id,
    )
    if not explain:
        return SearchOut(search_id=found.search_id, hits=[_hit(hit) for hit in found.hits])
    hits = [_hit(hit, explain=_explained(hit, found.ranking)) for hit in found.hits]
    return SearchOut(search_id=found.search_id, hits=hits, explain=_ranking(found.ranking))


def _hit(hit: Hit, **more: Any) -> HitOut:
    metadata = hit.metadata
    return HitOut(
        chunk_id=hit.id,
        document_id=hit.doc_id,
        title=metadata["title"],
        page_from=metadata["page_from"],
        page_to=metadata["page_to"],
        char_start=metadata["char_start"],
        char_end=metadata["char_end"],
        headings=metadata["headings"],
        text=metadata["text"],
        score=hit.score,
        cosine=hit.cosine,
        lexical=hit.lexical,
        **more,
    )


def _explained(hit: Hit, ranking: Ranking) -> HitExplainedOut:
    return HitExplainedOut(
        dense=ArmOut(rank=hit.dense_rank, score=hit.cosine),
        lexical=ArmOut(rank=hit.lexical_rank, score=hit.lexical),
        fused_score=hit.score,
        rerank_score=ranking.rerank_scores.get(hit.id),
    )


def _ranking(ranking: Ranking) -> RankingOut:
    return RankingOut(
        backend=ranking.backend,
        index=ranking.index,
        model=ranking.model,
        lexical_weight=ranking.lexical_weight,
        terms=list(ranking.terms),
        rerank_model=ranking.rerank_model,
        rerank_error=_RERANK_FAILED if ranking.rerank_error else None,
    )
