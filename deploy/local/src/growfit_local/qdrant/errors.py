"""What a request can be answered with besides a result."""


class QdrantError(Exception):
    """`status` is the HTTP status; the message reaches the client as Qdrant's `status.error`."""

    status = 500


class BadRequest(QdrantError):
    status = 400


class NotFound(QdrantError):
    status = 404


class AlreadyExists(QdrantError):
    status = 409


class NotHere(QdrantError):
    """A real Qdrant can do this; this server cannot."""

    status = 501


class FolderTaken(Exception):
    """Another process has the folder; the engine allows one."""
