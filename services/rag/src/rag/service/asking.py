from dataclasses import dataclass

from rag.service.permission import Searchable
from rag.service.routing import Reading


@dataclass(frozen=True, slots=True)
class Asking:
    """One search: the proof of what it may see, where it reads, and the noun/id that its usage is booked for."""

    allowed: Searchable
    reading: Reading
    reference: str
