"""The one place that knows which adapter stands behind which port."""

from dataclasses import dataclass

from chassis.access import Access, projected_access
from chassis.database import Database
from ingest.adapters.embedder_remote import RemoteEmbedder
from ingest.adapters.ocr_languages import find_tessdata
from ingest.adapters.parser_process import ChildProcessParser, OcrLimits
from ingest.adapters.storage_obstore import ObstoreStorage
from ingest.config import Settings
from ingest.models import ACCESS, PLUMBING
from ingest.service.deletion import DeletionService
from ingest.service.documents import DocumentService
from ingest.service.erasure import ErasureService
from ingest.service.processing import ProcessingService, Recipe
from ingest.service.sharing import SharingService
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
    embeddings: MeteredEmbeddings
    uploads: UploadService
    documents: DocumentService
    deletion: DeletionService
    sharing: SharingService
    erasure: ErasureService
    tenancy: TenancyService
    processing: ProcessingService
    access: Access


def wire(settings: Settings) -> Wired:
    database = Database(settings.database_url, PLUMBING, pool_size=settings.database_pool_size)
    storage = ObstoreStorage(settings.storage_url)
    model = get_model(settings.embedding_model)
    index = PgVectorAdapter(settings.vector_database_url, model=model, analyser=KiwiTerms())
    embeddings = MeteredEmbeddings(
        model, base_url=settings.embedding_base_url, api_key=settings.embedding_api_key.get_secret_value()
    )
    recipe = Recipe(
        index=f"growfit_docs:{model.name}:{model.dimension}",
        model=model.name,
        provider=settings.embedding_provider,
        dimension=model.dimension,
        chunk_tokens=settings.chunk_tokens,
    )
    parser = ChildProcessParser(
        seconds=settings.parse_seconds,
        memory_bytes=settings.parse_memory_bytes,
        max_pages=settings.max_pages,
        ocr=OcrLimits(
            tessdata=find_tessdata(settings.ocr_tessdata),
            seconds=settings.ocr_page_seconds,
            max_pages=settings.max_ocr_pages,
        ),
    )
    access = projected_access(settings, database, ACCESS)
    deletion = DeletionService(database, storage, index, recipe=recipe)
    sharing = SharingService(database, index)
    return Wired(
        database=database,
        index=index,
        embeddings=embeddings,
        uploads=UploadService(database, storage, access.platform, max_bytes=settings.max_upload_bytes),
        documents=DocumentService(database),
        deletion=deletion,
        sharing=sharing,
        erasure=ErasureService(database, deletion),
        tenancy=TenancyService(database, sharing),
        processing=ProcessingService(
            database, storage, parser, RemoteEmbedder(embeddings), index, index.analyser, sharing, recipe=recipe
        ),
        access=access,
    )
