"""The one place that knows which adapter stands behind which port."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from chassis.access import Access, projected_access
from chassis.database import Database
from ingest.adapters.embedder_remote import RemoteEmbedder
from ingest.adapters.ocr_languages import find_tessdata
from ingest.adapters.parser_process import ChildProcessParser, OcrLimits
from ingest.adapters.storage_obstore import ObstoreStorage
from ingest.config import Settings
from ingest.models import ACCESS, PLUMBING
from ingest.service.backups import BackupService
from ingest.service.bulk import BulkService
from ingest.service.chunking import Chunking
from ingest.service.claims import ClaimService
from ingest.service.completion import CompletionService
from ingest.service.deletion import DeletionService
from ingest.service.documents import DocumentService
from ingest.service.downloads import DownloadService
from ingest.service.embedding import EmbeddingService
from ingest.service.erasure import ErasureService
from ingest.service.indexing import Indexes, IndexName
from ingest.service.intake import Intake
from ingest.service.lifecycle import LifecycleService
from ingest.service.links import LinkSigner
from ingest.service.migrating import MigrationWork
from ingest.service.migrations import MigrationService
from ingest.service.processing import ProcessingService
from ingest.service.proofs import ProofService, Sizes
from ingest.service.queue import QueueService
from ingest.service.quotas import QuotaService
from ingest.service.recipes import Recipe, RecipeBook
from ingest.service.replacement import ReplacementService
from ingest.service.resumable import ResumableService
from ingest.service.sharing import SharingService
from ingest.service.shelving import ShelfService
from ingest.service.syncing import SyncService
from ingest.service.tenancy import TenancyService
from ingest.service.uploads import UploadService
from retrieval.configured import BatchShape, Endpoint, ServedModels
from retrieval.embeddings import MeteredEmbeddings
from retrieval.errors import ModelUnknown
from retrieval.models import EmbeddingModel, get_model, register_model
from retrieval.pgvector import PgVectorAdapter
from retrieval.store import VectorStoreAdapter
from retrieval.terms import KiwiTerms, TermAnalyser

if TYPE_CHECKING:
    from obstore.store import S3Config


@dataclass(frozen=True)
class Wired:
    database: Database
    index: VectorStoreAdapter
    indexes: Indexes
    embeddings: list[MeteredEmbeddings]
    uploads: UploadService
    resumable: ResumableService
    bulk: BulkService
    downloads: DownloadService
    quotas: QuotaService
    documents: DocumentService
    lifecycle: LifecycleService
    replacement: ReplacementService
    deletion: DeletionService
    sharing: SharingService
    shelves: ShelfService
    erasure: ErasureService
    tenancy: TenancyService
    syncs: SyncService
    processing: ProcessingService
    queue: QueueService
    migrations: MigrationService
    migration_work: MigrationWork
    access: Access


def wire(settings: Settings) -> Wired:
    database = Database(settings.database_url, PLUMBING, pool_size=settings.database_pool_size)
    storage = ObstoreStorage(settings.storage_url, _s3(settings))
    served = _served(settings)
    model, analyser = served[settings.embedding_model].model, KiwiTerms()
    first = IndexName(settings.vector_backend, model.name, model.dimension)
    index = make_store(settings, first, analyser=analyser)
    stores = Indexes(first.index_id, partial(make_store, settings, analyser=analyser), opened={first.index_id: index})
    chunking = Chunking(tokens=settings.chunk_tokens, overlap=settings.chunk_overlap)
    book = RecipeBook(
        Recipe(first.index_id, model.name, model.dimension, chunking),
        {name: each.endpoint.provider for name, each in served.items()},
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
    embedders = {name: RemoteEmbedder(each.embeddings, each.endpoint.shape) for name, each in served.items()}
    embedding = EmbeddingService(database, embedders, analyser, book=book)
    syncs = SyncService(database, stores, embedding)
    deletion = DeletionService(database, storage, stores, syncs, book=book)
    sharing = SharingService(database, syncs)
    processing = ProcessingService(database, ClaimService(database, book), storage, parser, embedding, syncs, book=book)
    quotas = QuotaService(database, access.platform)
    intake = Intake(database, storage, access.platform, max_bytes=settings.max_upload_bytes)
    uploads = UploadService(database, storage, intake, quotas)
    completion = CompletionService(database, storage, uploads, quotas)
    resumable = ResumableService(database, storage, intake, completion, quotas)
    documents = DocumentService(database)
    signer = LinkSigner(settings.link_signing_key.get_secret_value())
    return Wired(
        database=database,
        index=index,
        indexes=stores,
        embeddings=[each.embeddings for each in served.values()],
        uploads=uploads,
        resumable=resumable,
        bulk=BulkService(uploads, deletion, most_files=settings.max_bulk_files, most_bytes=settings.max_bulk_bytes),
        downloads=DownloadService(database, storage, documents, access.platform, signer),
        quotas=quotas,
        documents=documents,
        lifecycle=LifecycleService(database, storage, book=book),
        replacement=ReplacementService(database, storage, intake, quotas),
        deletion=deletion,
        sharing=sharing,
        shelves=ShelfService(database, sharing, syncs),
        erasure=ErasureService(database, deletion, resumable),
        tenancy=TenancyService(database, sharing, syncs),
        syncs=syncs,
        processing=processing,
        queue=QueueService(database, processing, slots=settings.processing_slots),
        migrations=MigrationService(database, stores, hold=timedelta(hours=settings.migration_hold_hours)),
        migration_work=MigrationWork(
            database,
            stores,
            ProofService(database, stores, syncs, sizes=Sizes()),
            BackupService(database, storage),
            backup_days=settings.index_backup_days,
        ),
        access=access,
    )


class _Served(NamedTuple):
    model: EmbeddingModel
    embeddings: MeteredEmbeddings
    endpoint: Endpoint


def _served(settings: Settings) -> dict[str, _Served]:
    """The installation's own model and those that EMBEDDING_MODELS adds, each with the server that embeds with it."""
    own = Endpoint(
        settings.embedding_base_url,
        settings.embedding_provider,
        settings.embedding_api_key.get_secret_value(),
        BatchShape(settings.embedding_batch_texts, settings.embedding_batch_tokens, settings.embedding_calls_at_once),
    )
    models = ServedModels(settings.embedding_model, own, configured=settings.embedding_models)
    found = {}
    for name in (settings.embedding_model, *settings.embedding_models):
        model, endpoint = models.get(name)
        register_model(model)
        embeddings = MeteredEmbeddings(
            model, base_url=endpoint.base_url, api_key=endpoint.api_key, batch_size=endpoint.shape.texts
        )
        found[name] = _Served(model, embeddings, endpoint)
    return found


def make_store(settings: Settings, name: IndexName, *, analyser: TermAnalyser) -> VectorStoreAdapter:
    """Raises LookupError: the settings say nothing of this backend or model."""
    try:
        model = get_model(name.model)
    except ModelUnknown as error:
        raise LookupError(name.model) from error
    if model.dimension != name.dimension:
        raise LookupError(name.index_id)
    if name.backend == "pgvector":
        return PgVectorAdapter(settings.vector_database_url, model=model, analyser=analyser)
    if name.backend == "qdrant" and settings.qdrant_url:
        # Its client takes seconds and 60 MB to import, and most installations have no Qdrant.
        from retrieval.qdrant import QdrantAdapter  # noqa: PLC0415

        key = settings.qdrant_api_key.get_secret_value()
        return QdrantAdapter(settings.qdrant_url, api_key=key, model=model, analyser=analyser)
    raise LookupError(name.index_id)


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
