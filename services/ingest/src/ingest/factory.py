"""The one place that knows which adapter stands behind which port."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.access import Access, projected_access
from chassis.database import Database
from ingest.adapters.embedder_remote import RemoteEmbedder
from ingest.adapters.parser_process import ChildProcessParser
from ingest.adapters.storage_obstore import ObstoreStorage
from ingest.config import Settings
from ingest.models import ACCESS, PLUMBING
from ingest.service.bulk import BulkService
from ingest.service.completion import CompletionService
from ingest.service.deletion import DeletionService
from ingest.service.documents import DocumentService
from ingest.service.downloads import DownloadService
from ingest.service.erasure import ErasureService
from ingest.service.links import LinkSigner
from ingest.service.processing import ProcessingService, Recipe
from ingest.service.quotas import QuotaService
from ingest.service.resumable import ResumableService
from ingest.service.sharing import SharingService
from ingest.service.tenancy import TenancyService
from ingest.service.uploads import UploadService
from retrieval.embeddings import MeteredEmbeddings
from retrieval.models import get_model
from retrieval.pgvector import PgVectorAdapter
from retrieval.store import VectorStoreAdapter
from retrieval.terms import KiwiTerms

if TYPE_CHECKING:
    from obstore.store import S3Config


@dataclass(frozen=True)
class Wired:
    database: Database
    index: VectorStoreAdapter
    embeddings: MeteredEmbeddings
    uploads: UploadService
    resumable: ResumableService
    bulk: BulkService
    downloads: DownloadService
    quotas: QuotaService
    documents: DocumentService
    deletion: DeletionService
    sharing: SharingService
    erasure: ErasureService
    tenancy: TenancyService
    processing: ProcessingService
    access: Access


def wire(settings: Settings) -> Wired:
    database = Database(settings.database_url, PLUMBING, pool_size=settings.database_pool_size)
    storage = ObstoreStorage(settings.storage_url, _s3(settings))
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
        seconds=settings.parse_seconds, memory_bytes=settings.parse_memory_bytes, max_pages=settings.max_pages
    )
    access = projected_access(settings, database, ACCESS)
    deletion = DeletionService(database, storage, index, recipe=recipe)
    sharing = SharingService(database, index)
    quotas = QuotaService(database, access.platform)
    uploads = UploadService(database, storage, access.platform, quotas, max_bytes=settings.max_upload_bytes)
    completion = CompletionService(database, storage, uploads, quotas)
    resumable = ResumableService(database, storage, uploads, completion, quotas)
    documents = DocumentService(database)
    signer = LinkSigner(settings.link_signing_key.get_secret_value())
    return Wired(
        database=database,
        index=index,
        embeddings=embeddings,
        uploads=uploads,
        resumable=resumable,
        bulk=BulkService(uploads, deletion, most_files=settings.max_bulk_files, most_bytes=settings.max_bulk_bytes),
        downloads=DownloadService(database, storage, documents, access.platform, signer),
        quotas=quotas,
        documents=documents,
        deletion=deletion,
        sharing=sharing,
        erasure=ErasureService(database, deletion, resumable),
        tenancy=TenancyService(database, sharing),
        processing=ProcessingService(
            database, storage, parser, RemoteEmbedder(embeddings), index, index.analyser, sharing, recipe=recipe
        ),
        access=access,
    )


def _s3(settings: Settings) -> "S3Config":
    """What is set; the rest obstore takes from AWS's own environment variables and roles."""
    config: S3Config = {"virtual_hosted_style_request": not settings.s3_path_style}
    if settings.s3_endpoint:
        config["endpoint"] = settings.s3_endpoint
    if settings.s3_region:
        config["region"] = settings.s3_region
    if settings.s3_access_key_id:
        config["access_key_id"] = settings.s3_access_key_id
        config["secret_access_key"] = settings.s3_secret_access_key.get_secret_value()
    return config
