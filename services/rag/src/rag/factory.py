"""The one place that knows which adapter stands behind which port."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from chassis.access import Access, projected_access
from chassis.database import Database
from contracts.ingest import ReadIndex
from rag.adapters.answerer_langchain import LangChainAnswerer
from rag.adapters.chat_models import chat_model
from rag.config import Settings
from rag.models import ACCESS, PLUMBING
from rag.service.agents import AgentService
from rag.service.answers import AnswerService
from rag.service.conversations import ConversationService
from rag.service.documents import DocumentService
from rag.service.erasure import ErasureService
from rag.service.projects import ProjectService
from rag.service.ranking import Ranker
from rag.service.readers import MakeStore, Readers
from rag.service.reads import Reads
from rag.service.search import SearchService
from rag.service.shadows import Shadows
from rag.service.tenancy import TenancyService
from rag.service.vector_reads import VectorReadService, name_index
from retrieval.configured import Endpoint, ServedModels
from retrieval.models import EmbeddingModel
from retrieval.pgvector import PgVectorAdapter
from retrieval.reranker_http import HttpReranker
from retrieval.store import VectorStoreAdapter
from retrieval.terms import KiwiTerms, TermAnalyser


@dataclass(frozen=True)
class Wired:
    database: Database
    readers: Readers
    reads: Reads
    shadows: Shadows
    reranker: HttpReranker | None
    vector_reads: VectorReadService
    search: SearchService
    projects: ProjectService
    agents: AgentService
    conversations: ConversationService
    answers: AnswerService
    documents: DocumentService
    erasure: ErasureService
    tenancy: TenancyService
    access: Access


def wire(settings: Settings, *, registry: CollectorRegistry | None = None) -> Wired:
    registry = registry or CollectorRegistry()
    database = Database(settings.database_url, PLUMBING, pool_size=settings.database_pool_size)
    models, analyser = _served_models(settings), KiwiTerms()
    own = _own_index(settings, models)
    readers = Readers(own, models=models, stores=_stores(settings, analyser))
    rules = VectorReadService(database, own=own)
    shadows = Shadows(database, readers, registry=registry)
    reads = Reads(rules, readers, shadows, registry=registry)
    reranker = _reranker(settings)
    ranker = Ranker(reranker, provider=settings.rerank_provider)
    chat = chat_model(settings, embeddings=readers.own.embeddings, analyser=analyser)
    answerer = LangChainAnswerer(chat.chat, provider=chat.provider, model=chat.model, passages=settings.passages)
    return Wired(
        database=database,
        readers=readers,
        reads=reads,
        shadows=shadows,
        reranker=reranker,
        vector_reads=rules,
        search=SearchService(database, reads, ranker),
        projects=ProjectService(database),
        agents=AgentService(database),
        conversations=ConversationService(database),
        answers=AnswerService(database, answerer, reads, ranker, max_seconds=settings.answer_seconds),
        documents=DocumentService(database),
        erasure=ErasureService(database),
        tenancy=TenancyService(database),
        access=projected_access(settings, database, ACCESS),
    )


def _served_models(settings: Settings) -> ServedModels:
    endpoint = Endpoint(
        settings.embedding_base_url, settings.embedding_provider, settings.embedding_api_key.get_secret_value()
    )
    return ServedModels(settings.embedding_model, endpoint, configured=settings.embedding_models)


def _own_index(settings: Settings, models: ServedModels) -> ReadIndex:
    backend, (model, _) = settings.vector_backend, models.get(settings.embedding_model)
    name = name_index(backend, model.name, model.dimension)
    return ReadIndex(index=name, backend=backend, model=model.name, dimension=model.dimension)


def _stores(settings: Settings, analyser: TermAnalyser) -> Mapping[str, MakeStore]:
    """How to read an index of each backend that this process has the settings for."""

    def pgvector(model: EmbeddingModel) -> VectorStoreAdapter:
        return PgVectorAdapter(settings.vector_database_url, model=model, analyser=analyser)

    def qdrant(model: EmbeddingModel) -> VectorStoreAdapter:
        # Its client takes seconds and 60 MB to import, and most installations have no Qdrant.
        from retrieval.qdrant import QdrantAdapter  # noqa: PLC0415

        key = settings.qdrant_api_key.get_secret_value()
        return QdrantAdapter(settings.qdrant_url, api_key=key, model=model, analyser=analyser)

    return {"pgvector": pgvector} | ({"qdrant": qdrant} if settings.qdrant_url else {})


def _reranker(settings: Settings) -> HttpReranker | None:
    if not settings.rerank_base_url:
        return None
    return HttpReranker(
        settings.reranks_with,
        base_url=settings.rerank_base_url,
        api_key=settings.rerank_api_key.get_secret_value(),
    )
