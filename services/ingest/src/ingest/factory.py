"""The one place that knows which adapter stands behind which port."""

from dataclasses import dataclass

from chassis.access import Access, projected_access
from chassis.database import Database
from ingest.adapters.embedder_remote import RemoteEmbedder
from ingest.adapters.parser_process import ChildProcessParser
from ingest.adapters.storage_obstore import ObstoreStorage
from ingest.config import Settings
from ingest.models import ACCESS, PLUMBING
from ingest.service.claims import ClaimService
from ingest.service.deletion import DeletionService
from ingest.service.documents import DocumentService
from ingest.service.embedding import EmbeddingService
from ingest.service.erasure import ErasureService
from ingest.service.indexing import Indexes, name_index
from ingest.service.lifecycle import LifecycleService
from ingest.service.processing import ProcessingService
from ingest.service.queue import QueueService
from ingest.service.recipes import Recipe
from ingest.service.sharing import SharingService
from ingest.service.syncing import SyncService
from ingest.service.tenancy import TenancyService
from ingest.service.uploads import UploadService
from retrieval.embeddings import MeteredEmbeddings
from retrieval.models import get_model
from retrieval.pgvector import PgVectorAdapter
from retrieval.store import VectorStoreAdapter
from retrieval.terms import KiwiTerms


@dataclass(frozen=True)
class Wired:
    database: Database
    index: VectorStoreAdapter
    indexes: Indexes
    embeddings: MeteredEmbeddings
    uploads: UploadService
    documents: DocumentService
    lifecycle: LifecycleService
    deletion: DeletionService
    sharing: SharingService
    erasure: ErasureService
    tenancy: TenancyService
    syncs: SyncService
    processing: ProcessingService
    queue: QueueService
    access: Access


def wire(settings: Settings) -> Wired:
    database = Database(settings.database_url, PLUMBING, pool_size=settings.database_pool_size)
    storage = ObstoreStorage(settings.storage_url)
    model = get_model(settings.embedding_model)
    index = PgVectorAdapter(settings.vector_database_url, model=model, analyser=KiwiTerms())
    embeddings = MeteredEmbeddings(
        model, base_url=settings.embedding_base_url, api_key=settings.embedding_api_key.get_secret_value()
    )
    embedder = RemoteEmbedder(embeddings)
    index_id = name_index(settings.vector_backend, model.name, model.dimension)
    indexes = Indexes(index_id, settings.vector_backend, {index_id: index})
    recipe = Recipe(
        index=index_id,
        model=model.name,
        provider=settings.embedding_provider,
        dimension=model.dimension,
        chunk_tokens=settings.chunk_tokens,
    )
    parser = ChildProcessParser(
        seconds=settings.parse_seconds, memory_bytes=settings.parse_memory_bytes, max_pages=settings.max_pages
    )
    access = projected_access(settings, database, ACCESS)
    syncs = SyncService(database, indexes)
    deletion = DeletionService(database, storage, indexes, syncs, recipe=recipe)
    sharing = SharingService(database, syncs)
    processing = ProcessingService(
        database,
        ClaimService(database),
        storage,
        parser,
        embedder,
        EmbeddingService(database, embedder, index.analyser, recipe=recipe),
        syncs,
        recipe=recipe,
    )
    return Wired(
        database=database,
        index=index,
        indexes=indexes,
        embeddings=embeddings,
        uploads=UploadService(database, storage, access.platform, max_bytes=settings.max_upload_bytes),
        documents=DocumentService(database),
        lifecycle=LifecycleService(database, storage, recipe=recipe),
        deletion=deletion,
        sharing=sharing,
        erasure=ErasureService(database, deletion),
        tenancy=TenancyService(database, sharing, syncs),
        syncs=syncs,
        processing=processing,
        queue=QueueService(database, processing, slots=settings.processing_slots),
        access=access,
    )
