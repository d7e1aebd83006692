"""ingest's tables. Importing this package knows them all, which migrations need."""

from ingest.models.base import ACCESS, PLUMBING, SCHEMA, TENANCY, Base
from ingest.models.class_materials import ClassMaterials
from ingest.models.document_classes import DocumentClass
from ingest.models.documents import GONE, WORKING, Chunk, Document, State
from ingest.models.erased_users import ErasedUser
from ingest.models.pending_objects import PendingObject
from ingest.models.uploads import Upload, UploadState

__all__ = [
    "ACCESS",
    "GONE",
    "PLUMBING",
    "SCHEMA",
    "TENANCY",
    "WORKING",
    "Base",
    "Chunk",
    "ClassMaterials",
    "Document",
    "DocumentClass",
    "ErasedUser",
    "PendingObject",
    "State",
    "Upload",
    "UploadState",
]
