"""The one place that knows which adapter stands behind which port."""

from dataclasses import dataclass

from chassis.access import Access, projected_access
from chassis.database import Database
from rag.adapters.answerer_langchain import LangChainAnswerer
from rag.adapters.chat_models import chat_model
from rag.adapters.searcher_retrieval import RetrievalSearcher
from rag.config import Settings
from rag.models import ACCESS, PLUMBING
from rag.service.answers import AnswerService
from rag.service.conversations import ConversationService
from rag.service.documents import DocumentService
from rag.service.erasure import ErasureService
from rag.service.search import EmbeddingModelName, SearchService
from rag.service.tenancy import TenancyService
from retrieval.embeddings import MeteredEmbeddings
from retrieval.models import get_model
from retrieval.pgvector import PgVectorAdapter
from retrieval.reranker_http import HttpReranker
from retrieval.store import VectorStoreAdapter
from retrieval.terms import KiwiTerms


@dataclass(frozen=True)
class Wired:
    database: Database
    index: VectorStoreAdapter
    embeddings: MeteredEmbeddings
    reranker: HttpReranker | None
    search: SearchService
    conversations: ConversationService
    answers: AnswerService
    documents: DocumentService
    erasure: ErasureService
    tenancy: TenancyService
    access: Access


def wire(settings: Settings) -> Wired:
    database = Database(settings.database_url, PLUMBING, pool_size=settings.database_pool_size)
    model = get_model(settings.embedding_model)
    index = PgVectorAdapter(settings.vector_database_url, model=model, analyser=KiwiTerms())
    embeddings = MeteredEmbeddings(
        model, base_url=settings.embedding_base_url, api_key=settings.embedding_api_key.get_secret_value()
    )
    booked_as = EmbeddingModelName(settings.embedding_provider, model.name)
    reranker = _reranker(settings)
    chat = chat_model(settings, embeddings=embeddings, analyser=index.analyser)
    answerer = LangChainAnswerer(
        chat.chat,
        provider=chat.provider,
        model=chat.model,
        embeddings=embeddings,
        store=index,
        passages=settings.passages,
    )
    return Wired(
        database=database,
        index=index,
        embeddings=embeddings,
        reranker=reranker,
        search=SearchService(
            database,
            RetrievalSearcher(embeddings, index, backend=settings.vector_backend, reranker=reranker),
            embedding=booked_as,
            reranking=EmbeddingModelName(settings.rerank_provider, settings.reranks_with),
        ),
        conversations=ConversationService(database),
        answers=AnswerService(database, answerer, embedding=booked_as, max_seconds=settings.answer_seconds),
        documents=DocumentService(database),
        erasure=ErasureService(database),
        tenancy=TenancyService(database),
        access=projected_access(settings, database, ACCESS),
    )


def _reranker(settings: Settings) -> HttpReranker | None:
    if not settings.rerank_base_url:
        return None
    return HttpReranker(
        settings.reranks_with,
        base_url=settings.rerank_base_url,
        api_key=settings.rerank_api_key.get_secret_value(),
    )
