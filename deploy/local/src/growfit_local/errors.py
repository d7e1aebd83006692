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


class AddressUnfit(StackError):
    def __init__(self, host: str) -> None:
        super().__init__(
            f"The gateway cannot listen on {host}: this machine has no such address. GROWFIT_HOST=127.0.0.1 keeps "
            f"it to this machine, 0.0.0.0 opens it to the network.\n"
            f"{host}은(는) 이 컴퓨터의 주소가 아니어서 게이트웨이를 열 수 없습니다. "
            f"GROWFIT_HOST를 127.0.0.1 또는 0.0.0.0으로 정하세요."
        )


def _tail(log: Path, *, lines: int = 20) -> str:
    text = log.read_text(encoding="utf-8", errors="replace").rstrip() if log.exists() else ""
    if not text:
        return f"(its log is empty: {log})"
    last = "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
    return f"the last lines of {log}:\n{last}"
