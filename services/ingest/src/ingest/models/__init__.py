"""ingest's tables. Importing this package knows them all, which migrations need."""

from ingest.models.base import ACCESS, PLUMBING, SCHEMA, TENANCY, Base
from ingest.models.documents import GONE, WORKING, Chunk, Document, State

__all__ = ["ACCESS", "GONE", "PLUMBING", "SCHEMA", "TENANCY", "WORKING", "Base", "Chunk", "Document", "State"]
