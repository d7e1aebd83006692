"""The system calls that a parser never needs, and the filter (classic BPF) that refuses them with EPERM.

Numbers are those of the kernel's `asm/unistd_64.h` (x86-64) and `asm-generic/unistd.h` (ARM64); they never change.
"""

import errno
import os
import struct

# The same on every architecture.
LANDLOCK_CREATE, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT = 444, 445, 446
INSTRUCTION_BYTES = 8

# Name: (x86-64, ARM64); None where the architecture has no such call.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # The network, and every other way to talk to another process.
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "recvfrom": (45, 207), "recvmsg": (47, 212), "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186),
    "semget": (64, 190), "mq_open": (240, 180),
    # Programs and processes.
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    # Other processes' memory, signals and descriptors.
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kill": (62, 129),
    "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "process_madvise": (440, 440), "sched_setaffinity": (203, 122), "setpriority": (141, 140),
    # Whatever changes files.
    "creat": (85, None), "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "link": (86, None),
    "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "mknod": (133, None), "mknodat": (259, 33),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "truncate": (76, 45), "ftruncate": (77, 46),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "utimensat": (280, 88),
    "memfd_create": (319, 279), "openat2": (437, 437), "open_by_handle_at": (304, 265),
    # The kernel's own machinery, where its faults were found.
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "personality": (135, 92), "init_module": (175, 105),
    "finit_module": (313, 273), "kexec_load": (246, 104), "fanotify_init": (300, 262), "inotify_init1": (294, 26),
    "seccomp": (317, 277),
}  # fmt: skip
# Asked with these flags of their argument, or without this one, they are refused as well.
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_OPEN, _OPENAT = (2, None), (257, 56)
_CLONE, _CLONE_THREAD = (56, 220), 0x00010000
_CLONE3 = (435, 435)
_PRLIMIT = (302, 261)
# x86-64 has a second table of calls behind this bit of the number.
_X32 = 0x40000000

# architecture → its column above, and its AUDIT_ARCH of linux/audit.h.
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

# linux/bpf_common.h and linux/seccomp.h.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16


def program(machine: str) -> bytes | None:
    """The filter's code, None for a machine whose numbers are not known here."""
    if machine not in _ARCHITECTURES:
        return None
    column, architecture = _ARCHITECTURES[machine]
    code = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_AT_LEAST, _X32, 0, 1),
        _step(_RETURN, _refuse(errno.ENOSYS)),
    ]
    for numbers in _REFUSED.values():
        code += _if_number(numbers[column], [_step(_RETURN, _refuse(errno.EPERM))])
    # glibc makes threads by the older call when this one is not there; its flags lie where no filter can look.
    code += _if_number(_CLONE3[column], [_step(_RETURN, _refuse(errno.ENOSYS))])
    code += _if_number(_OPEN[column], _only_without(_WRITING, argument=1))
    code += _if_number(_OPENAT[column], _only_without(_WRITING, argument=2))
    code += _if_number(_CLONE[column], _only_with(_CLONE_THREAD, argument=0))
    # Limits of its own (process 0) only.
    code += _if_number(_PRLIMIT[column], _only_without(0xFFFFFFFF, argument=0))
    code.append(_step(_RETURN, _ALLOW))
    return b"".join(code)


def _step(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", operation, if_true, if_false, value)


def _refuse(number: int) -> int:
    return 0x00050000 | number


def _if_number(number: int | None, steps: list[bytes]) -> list[bytes]:
    return [] if number is None else [_step(_EQUAL, number, 0, len(steps)), *steps]


def _only_without(bits: int, *, argument: int) -> list[bytes]:
    load = _step(_LOAD, _ARGUMENTS_AT + 8 * argument)
    return [load, _step(_ANY_BIT, bits, 1, 0), _step(_RETURN, _ALLOW), _step(_RETURN, _refuse(errno.EPERM))]


def _only_with(bits: int, *, argument: int) -> list[bytes]:
    load = _step(_LOAD, _ARGUMENTS_AT + 8 * argument)
    return [load, _step(_ANY_BIT, bits, 0, 1), _step(_RETURN, _ALLOW), _step(_RETURN, _refuse(errno.EPERM))]
