from collections.abc import Mapping, Sequence

from org_partner.ports import HostUnknown


class TableResolver:
    """Names from a table, for tests. A host's answers are given in turn, the last one for ever."""

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._answers = {host: list(turns) for host, turns in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:  # noqa: ARG002  the port's
        self.asked.append(host)
        turns = self._answers.get(host)
        if not turns:
            raise HostUnknown(host)
        return turns.pop(0) if len(turns) > 1 else turns[0]
