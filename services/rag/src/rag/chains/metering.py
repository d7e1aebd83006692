"""What a model call cost, as the provider counts it, or estimated where the provider says nothing."""

from dataclasses import dataclass

from langchain_core.messages import AIMessageChunk

from rag.chains.passages import estimate_tokens

# By name: every provider's client brings an HTTP library of its own, and they agree on these.
_NEVER_SENT = frozenset(
    {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "ConnectionRefusedError"}
)


@dataclass(frozen=True, slots=True)
class Usage:
    """`estimated`: counted by us from the texts, because the provider did not report it (yet)."""

    input_tokens: int
    output_tokens: int
    estimated: bool = False


class UsageMeter:
    """Reads a model's stream; can be asked at any moment, also after a cancel.

    Usually one chunk carries the usage, or its parts are spread over chunks and add up. Some providers repeat the
    whole usage so far in every chunk: adding that up would bill an answer many times.
    """

    def __init__(self) -> None:
        self._inputs: list[int] = []
        self._outputs: list[int] = []

    def add(self, chunk: AIMessageChunk) -> None:
        if chunk.usage_metadata is not None:
            self._inputs.append(chunk.usage_metadata["input_tokens"])
            self._outputs.append(chunk.usage_metadata["output_tokens"])

    def usage(self, *, prompt_tokens: int, answer: str) -> Usage:
        """`prompt_tokens` is our estimate, for a provider that says nothing."""
        repeats = sum(count > 0 for count in self._inputs) > 1
        output_tokens = max(self._outputs) if repeats else sum(self._outputs)
        if answer and not output_tokens:
            return Usage(prompt_tokens, estimate_tokens(answer), estimated=True)
        if not self._outputs:
            return Usage(prompt_tokens, 0, estimated=True)
        return Usage(max(self._inputs), output_tokens)


def usage_of_failure(error: Exception, *, prompt_tokens: int) -> Usage:
    """What a call cost that failed before any output: what the error says, or nothing if it was never worked on.

    After anything else than a refusal or a connection that was never made, the provider may have read the prompt.
    """
    tokens = getattr(error, "tokens", None)
    if isinstance(tokens, int):
        return Usage(tokens, 0)
    return Usage(0 if is_refusal(error) or _never_sent(error) else prompt_tokens, 0, estimated=True)


def is_refusal(error: Exception) -> bool:
    """The provider answered that it does not take this request, or not now."""
    status = getattr(error, "status_code", None)
    return isinstance(status, int) and 400 <= status < 500  # noqa: PLR2004


def _never_sent(error: BaseException | None) -> bool:
    while error is not None:
        if type(error).__name__ in _NEVER_SENT:
            return True
        error = error.__cause__ or error.__context__
    return False
