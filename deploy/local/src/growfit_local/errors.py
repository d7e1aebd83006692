"""What can go wrong while the stack starts. Each message says what to do about it."""

from pathlib import Path


class StackError(Exception):
    """The stack cannot be started or reached; the message is for the person at the terminal."""


class StartFailed(StackError):
    """A process or a step did not come up."""

    def __init__(self, name: str, reason: str, log: Path) -> None:
        self.name, self.log = name, log
        super().__init__(f"{name}: {reason}\n{_tail(log)}")


class PortTaken(StackError):
    def __init__(self, port: int, owner: str) -> None:
        self.port = port
        super().__init__(
            f"Port {port} is taken{owner}. Stop that process, or choose another port: PORT={port + 1} make up\n"
            f"{port}번 포트를 이미 다른 프로그램이 쓰고 있습니다. 그 프로그램을 끝내거나 다른 포트로 시작하세요: "
            f"PORT={port + 1} make up"
        )


def _tail(log: Path, *, lines: int = 20) -> str:
    text = log.read_text(encoding="utf-8", errors="replace").rstrip() if log.exists() else ""
    if not text:
        return f"(its log is empty: {log})"
    last = "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
    return f"the last lines of {log}:\n{last}"
