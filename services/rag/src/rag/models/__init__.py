"""rag's tables. Importing this package knows them all, which migrations need."""

from rag.models.base import PLUMBING, SCHEMA, TENANCY, Base
from rag.models.conversations import Conversation, Message, MessageState
from rag.models.documents import Document

__all__ = ["PLUMBING", "SCHEMA", "TENANCY", "Base", "Conversation", "Document", "Message", "MessageState"]
