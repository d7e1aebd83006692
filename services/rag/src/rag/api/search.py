from fastapi import APIRouter

from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.problems import responses
from rag.api.wired import Services
from rag.schemas.search import HitOut, SearchIn, SearchOut
from retrieval.store import Hit

router = APIRouter(tags=["search"])


@router.post("/search", responses=responses(Unauthenticated, Forbidden, NotFound, Invalid, RateLimited, Unavailable))
async def search(body: SearchIn, caller: Caller, services: Services) -> SearchOut:
    """The best passages of all documents the caller may see, by meaning and by words."""
    found = await services.search.search(
        caller.user_id, body.query, top_k=body.top_k, class_id=body.class_id, document_ids=body.document_ids
    )
    return SearchOut(search_id=found.search_id, hits=[_hit(hit) for hit in found.hits])


def _hit(hit: Hit) -> HitOut:
    metadata = hit.metadata
    return HitOut(
        chunk_id=hit.id,
        document_id=hit.doc_id,
        title=metadata["title"],
        page_from=metadata["page_from"],
        page_to=metadata["page_to"],
        char_start=metadata["char_start"],
        char_end=metadata["char_end"],
        text=metadata["text"],
        score=hit.score,
        cosine=hit.cosine,
        lexical=hit.lexical,
    )
