"""What a model call cost, as the provider counts it, or estimated where the provider says nothing."""

from dataclasses import dataclass

from langchain_core.messages import AIMessageChunk

from rag.chains.passages import estimate_tokens


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

    def usage(self, *, prompt: str, answer: str) -> Usage:
        repeats = sum(count > 0 for count in self._inputs) > 1
        output_tokens = max(self._outputs) if repeats else sum(self._outputs)
        if answer and not output_tokens:
            return Usage(estimate_tokens(prompt), estimate_tokens(answer), estimated=True)
        if not self._outputs:
            return Usage(estimate_tokens(prompt), 0, estimated=True)
        return Usage(max(self._inputs), output_tokens)
