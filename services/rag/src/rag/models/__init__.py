"""rag's tables. Importing this package knows them all, which migrations need."""

from rag.models.agents import Agent
from rag.models.base import ACCESS, PLUMBING, SCHEMA, TENANCY, Base
from rag.models.conversations import Conversation, Message, MessageState
from rag.models.documents import UNTOLD_ORG, Document
from rag.models.erased_users import ErasedUser
from rag.models.projects import Project
from rag.models.vector_reads import VectorRead

__all__ = [
    "ACCESS",
    "PLUMBING",
    "SCHEMA",
    "TENANCY",
    "UNTOLD_ORG",
    "Agent",
    "Base",
    "Conversation",
    "Document",
    "ErasedUser",
    "Message",
    "MessageState",
    "Project",
    "VectorRead",
]
