"""ingest's tables. Importing this package knows them all, which migrations need."""

from ingest.models.base import ACCESS, PLUMBING, SCHEMA, TENANCY, Base
from ingest.models.chunks import Chunk, ChunkEmbedding
from ingest.models.class_materials import ClassMaterials
from ingest.models.document_shares import DocumentShare, SharedWith
from ingest.models.documents import ENDED_BADLY, GONE, IS_LARGE, LIVING, WORKING, Document, State
from ingest.models.erased_users import ErasedUser
from ingest.models.indexes import DocumentIndex, VectorIndex
from ingest.models.migrations import OPEN, ReadRule, Stage, VectorCheck, VectorMigration, Verdict
from ingest.models.pending_objects import PendingObject
from ingest.models.shelves import Shelf
from ingest.models.turns import Turn
from ingest.models.uploads import Upload, UploadState

__all__ = [
    "ACCESS",
    "ENDED_BADLY",
    "GONE",
    "IS_LARGE",
    "LIVING",
    "OPEN",
    "PLUMBING",
    "SCHEMA",
    "TENANCY",
    "WORKING",
    "Base",
    "Chunk",
    "ChunkEmbedding",
    "ClassMaterials",
    "Document",
    "DocumentIndex",
    "DocumentShare",
    "ErasedUser",
    "PendingObject",
    "ReadRule",
    "SharedWith",
    "Shelf",
    "Stage",
    "State",
    "Turn",
    "Upload",
    "UploadState",
    "VectorCheck",
    "VectorIndex",
    "VectorMigration",
    "Verdict",
]
