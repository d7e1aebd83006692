"""rag's tables. Importing this package knows them all, which migrations need."""

from rag.models.base import ACCESS, PLUMBING, SCHEMA, TENANCY, Base
from rag.models.conversations import Conversation, Message, MessageState
from rag.models.documents import Document

__all__ = ["ACCESS", "PLUMBING", "SCHEMA", "TENANCY", "Base", "Conversation", "Document", "Message", "MessageState"]
