"""What the child gives up before it opens a file that a stranger made.

Limits of the kernel for memory, processor, files and output; a filter of system calls (seccomp); and no file to read
but the document and the libraries (Landlock). All of it needs no privilege, and none of it can be taken back.
"""

import ctypes
import os
import platform
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from ingest.adapters import syscalls

_OPEN_FILES = 64
# Answers to people, and embedding what is read already, go first.
_NICENESS = 5

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_SET_DUMPABLE, _SECCOMP_MODE_FILTER = 38, 22, 4, 2
# linux/landlock.h: everything that ABI 1 knows; to read is to open a file (4) or to list a folder (8).
_LANDLOCK_ALL, _LANDLOCK_READ_FILE, _LANDLOCK_READ_DIR = (1 << 13) - 1, 1 << 2, 1 << 3
_LANDLOCK_RULE_PATH = 1
_O_PATH = 0o10000000
# Where the interpreter's own libraries and the system's lie. Time zones and locales are not needed.
_SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/opt/growfit", "/etc/ld.so.cache")


def limit(*, memory_bytes: int, seconds: int, most_seconds: int) -> None:
    """The limits of the kernel. `seconds` of processor may be raised by `extend`, up to `most_seconds`."""
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, most_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))


def extend(seconds: int) -> None:
    """More processor time, for a page that has to be read from its picture."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (min(soft + seconds, hard), hard))


def lock(readable: Iterable[Path]) -> list[str]:
    """Give up network, processes, signals, writing, and reading of all but `readable` and the libraries.

    Gives the walls that stand: "landlock", "seccomp". An empty list where the kernel has neither, as on macOS.
    """
    if sys.platform != "linux":
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return []
    walls = []
    if _landlock(libc, [*readable, *_libraries()]):
        walls.append("landlock")
    if _seccomp(libc):
        walls.append("seccomp")
    return walls


def _libraries() -> list[Path]:
    return [Path(each) for each in {*sys.path, sys.prefix, sys.base_prefix, *_SYSTEM_FOLDERS} if each]


class _Ruleset(ctypes.Structure):
    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def _landlock(libc: ctypes.CDLL, readable: Iterable[Path]) -> bool:
    rules = _Ruleset(_LANDLOCK_ALL)
    ruleset = libc.syscall(syscalls.LANDLOCK_CREATE, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    if ruleset < 0:
        return False
    for path in readable:
        if not path.exists():
            continue
        access = _LANDLOCK_READ_FILE | (_LANDLOCK_READ_DIR if path.is_dir() else 0)
        place = os.open(path, _O_PATH | os.O_CLOEXEC)
        rule = _PathRule(access, place)
        libc.syscall(syscalls.LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_RULE_PATH, ctypes.byref(rule), 0)
        os.close(place)
    stands = bool(libc.syscall(syscalls.LANDLOCK_RESTRICT, ruleset, 0) == 0)
    os.close(ruleset)
    return stands


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _seccomp(libc: ctypes.CDLL) -> bool:
    code = syscalls.program(platform.machine())
    if code is None:
        return False
    filled = _Program(len(code) // syscalls.INSTRUCTION_BYTES, code)
    mode = ctypes.c_ulong(_SECCOMP_MODE_FILTER)
    return bool(libc.prctl(_PR_SET_SECCOMP, mode, ctypes.byref(filled), 0, 0) == 0)
