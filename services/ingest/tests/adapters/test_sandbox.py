"""What a parser that a file has taken over can still do: nothing. Each attempt is made by a real child."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.adapters import syscalls

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and Landlock are Linux's own")

# What each attempt does; `document` is the one file that the child may read.
ATTEMPTS = {
    "a TCP socket": "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "a UDP socket": "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "a local socket": "socket.socket(socket.AF_UNIX)",
    "a pair of sockets": "socket.socketpair()",
    "a program": "os.execv('/bin/true', ['true'])",
    "a process": "os.fork()",
    "a shell": "subprocess.run('true', shell=True)",
    "a signal to the worker": "os.kill(os.getppid(), 9)",
    "the worker's limits": "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
    "the worker's environment": "open(f'/proc/{os.getppid()}/environ', 'rb')",
    "another document": "open(other, 'rb')",
    "the list of documents": "os.listdir(os.path.dirname(other))",
    "a file to write": "open('/tmp/growfit-sandbox-test', 'w')",
    "the document, to write": "open(document, 'r+b')",
    "the document's removal": "os.unlink(document)",
    "another name": "os.rename(document, document + '.new')",
    "a folder": "os.mkdir('/tmp/growfit-sandbox-test')",
    "a file in memory": "os.memfd_create('x')",
    "more memory": "resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
    "a debugger": "check(libc.ptrace(16, os.getppid(), 0, 0))",
    "rings of the kernel": "check(libc.syscall(425, 8, bytes(120)))",
    "another filter": "check(libc.syscall(317 if platform.machine() == 'x86_64' else 277, 1, 0, 0))",
    "a hundred open files": "[open(document, 'rb') for _ in range(100)]",
}
ALLOWED = {
    "the document": "open(document, 'rb').read()",
    "a library": "importlib.import_module('pypdfium2')",
    "a thread": "[each.start() or each.join() for each in [threading.Thread(target=time.sleep, args=(0,))]]",
    "memory": "bytearray(50_000_000)",
    "time": "sandbox.extend(5)",
}
SCRIPT = """
import ctypes, importlib, json, os, platform, resource, socket, subprocess, sys, threading, time
from pathlib import Path
from ingest.adapters import sandbox
document, other, attempts = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def check(answer):
    if answer < 0:
        raise OSError(ctypes.get_errno(), "refused")
sandbox.limit(memory_bytes=2**30, seconds=20, most_seconds=60)
walls = sandbox.lock([Path(document)])
said = {}
for name, code in attempts.items():
    try:
        exec(code)
    except (OSError, ValueError) as error:
        said[name] = type(error).__name__
    else:
        said[name] = "done"
print(json.dumps([walls, said]), flush=True)
os._exit(0)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, str]]:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "original").write_bytes(b"mine")
    (folder / "other").write_bytes(b"somebody else's")
    attempts = ATTEMPTS | ALLOWED
    argument = json.dumps([str(folder / "original"), str(folder / "other"), attempts])
    environment = {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, argument],
        env=environment, cwd="/", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (folder / "original").read_bytes() == b"mine"
    walls, answers = json.loads(done.stdout)
    return walls, answers


def test_both_walls_stand(said) -> None:
    assert said[0] == ["landlock", "seccomp"]


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_refused(said, attempt) -> None:
    assert said[1][attempt] in {"PermissionError", "OSError", "ValueError"}


@pytest.mark.parametrize("attempt", ALLOWED)
def test_what_a_parser_needs_is_left(said, attempt) -> None:
    assert said[1][attempt] == "done"


def test_the_same_things_are_possible_without_the_walls() -> None:
    """Else the test above would show that this machine refuses them, and nothing of the walls."""
    code = SCRIPT.replace("walls = sandbox.lock([Path(document)])", "walls = []")
    chosen = ["a TCP socket", "a pair of sockets", "a process", "a file in memory", "the worker's environment"]
    attempts = {name: ATTEMPTS[name] for name in chosen} | {"another document": ATTEMPTS["another document"]}
    # The child's child would print as well.
    attempts["a process"] = "os._exit(0) if os.fork() == 0 else os.wait()"
    argument = json.dumps([__file__, str(Path(__file__).parent / "test_parser_process.py"), attempts])
    environment = {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, argument],
        env=environment, cwd="/", capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    assert set(json.loads(done.stdout)[1].values()) == {"done"}


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_whole_on_every_architecture(machine: str) -> None:
    code = syscalls.program(machine)

    assert code is not None
    assert len(code) % syscalls.INSTRUCTION_BYTES == 0
    assert len(code) // syscalls.INSTRUCTION_BYTES < 4096


def test_a_machine_that_is_not_known_has_no_filter() -> None:
    assert syscalls.program("riscv64") is None


def test_no_jump_of_the_filter_leaves_it() -> None:
    for machine in ("x86_64", "aarch64"):
        code = syscalls.program(machine) or b""
        steps = [code[at : at + 8] for at in range(0, len(code), 8)]
        for at, step in enumerate(steps):
            if step[0] & 7 == 5:
                assert at + 1 + max(step[2], step[3]) < len(steps)
