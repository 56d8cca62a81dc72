"""A disk whose nth write or fsync fails: a forked process whose calls to a folder's files are counted in the order in which they are made.

strace's fault injection counts the calls of each thread by itself. Here the kernel hands every such call of the process to this one
(seccomp's user notifications, Linux 5.5), which lets it pass or answers an error in its place: one call fails, whichever thread makes it.
"""

import ctypes
import errno
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NUMBERS: Final = {  # of x86-64, and of the kernel's generic table, which arm64 has
    "x86_64": {"write": 1, "pwrite64": 18, "writev": 20, "fsync": 74, "fdatasync": 75, "sync_file_range": 277, "pwritev": 296, "pwritev2": 328},
    "aarch64": {"write": 64, "writev": 66, "pwrite64": 68, "pwritev": 70, "fsync": 82, "fdatasync": 83, "sync_file_range": 84, "pwritev2": 287},
}  # fmt: skip
FAMILIES: Final = {
    "write": frozenset({"write", "pwrite64", "writev", "pwritev", "pwritev2"}),
    "fsync": frozenset({"fsync", "fdatasync", "sync_file_range"}),
}
PR_SET_NO_NEW_PRIVS: Final = 38
SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
SET_MODE_FILTER, NEW_LISTENER = 1, 8
RECEIVE, ANSWER = 0xC0502100, 0xC0182101  # ioctls of a listener
REQUEST, REPLY = struct.Struct("<QIIiIQ6Q"), struct.Struct("<QqiI")
CONTINUE: Final = 1
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, NOTIFY = 0x7FFF0000, 0x7FC00000


@dataclass(frozen=True, slots=True)
class Fault:
    """The calls from the nth (from 1) of a family on that answer an error, ``count`` of them."""

    family: str
    nth: int
    error: int = errno.EIO
    count: int = 1

    def error_of(self, family: str, nth: int) -> int:
        """The error that the nth call of a family gets; 0: none."""
        return self.error if family == self.family and 0 <= nth - self.nth < self.count else 0


@dataclass(frozen=True, slots=True)
class Outage:
    """All calls answer an error while a file is there: a disk that became read-only."""

    flag: Path
    error: int = errno.EROFS

    def error_of(self, _family: str, _nth: int) -> int:
        """The error that a call gets; 0: none."""
        return self.error if self.flag.exists() else 0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a process ended: its exit status (negative: a signal), its calls per family, and those that failed, as text."""

    status: int
    calls: dict[str, int]
    failed: tuple[str, ...]


def missing() -> str:
    """Why this cannot be done here; empty where it can."""
    if platform.system() != "Linux" or platform.machine() not in NUMBERS:
        return f"no numbers of calls are known for {platform.system()} on {platform.machine()}"
    try:
        ran = run(lambda: 0, Path("/nowhere"), None, 20.0)
    except OSError as error:
        return f"calls cannot be watched here: {error}"
    return "" if ran.status == 0 else "calls cannot be watched here"


def run(life: Callable[[], int], folder: Path, fault: Fault | Outage | None, seconds: float) -> Ran:
    """Fork, run ``life`` over a disk on which ``fault`` happens to the files under a folder, and wait for its end.

    It is killed when its time is over. The caller has no other threads.
    """
    numbers = NUMBERS[platform.machine()]
    ours, theirs = socket.socketpair()
    process = os.fork()
    if process == 0:
        ours.close()
        _live(life, theirs, sorted(numbers.values()))
    theirs.close()
    try:
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        if not descriptors:
            raise OSError("the kernel refuses a filter of calls")
        return _watch(process, descriptors[0], folder, fault, time.monotonic() + seconds)
    finally:
        ours.close()


def _live(life: Callable[[], int], parent: socket.socket, numbers: list[int]) -> None:
    status = 1
    try:
        socket.send_fds(parent, [b"."], [_filter(numbers)])
        parent.close()
        status = life()
    finally:
        os._exit(status)


def _filter(numbers: list[int]) -> int:
    """Watch calls of this process and all its threads to come; the listener's descriptor."""
    program = struct.pack("<HBBI", LOAD, 0, 0, 0)
    program += b"".join(struct.pack("<HBBI", EQUAL, len(numbers) - at, 0, n) for at, n in enumerate(numbers))
    program += struct.pack("<HBBI", RETURN, 0, 0, ALLOW) + struct.pack("<HBBI", RETURN, 0, 0, NOTIFY)
    buffer = ctypes.create_string_buffer(program)
    described = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    listener = libc.syscall(
        SECCOMP[platform.machine()], SET_MODE_FILTER, NEW_LISTENER, ctypes.create_string_buffer(described)
    )
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return int(listener)


def _watch(process: int, listener: int, folder: Path, fault: Fault | Outage | None, deadline: float) -> Ran:
    names = {number: name for name, number in NUMBERS[platform.machine()].items()}
    families = {name: family for family, members in FAMILIES.items() for name in members}
    calls, failed = dict.fromkeys(FAMILIES, 0), list[str]()
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    try:
        while True:
            ready = poll.poll(200)
            if time.monotonic() > deadline:
                os.kill(process, signal.SIGKILL)
            if not ready:
                ended, status = os.waitpid(process, os.WNOHANG)
                if ended:
                    return Ran(os.waitstatus_to_exitcode(status), calls, tuple(failed))
                continue
            if not ready[0][1] & select.POLLIN:  # no thread of it is left
                return Ran(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), calls, tuple(failed))
            request = bytearray(REQUEST.size)
            try:
                fcntl.ioctl(listener, RECEIVE, request)
                identity, thread, _, number, _, _, descriptor, *_ = REQUEST.unpack(request)
                path = os.readlink(f"/proc/{thread}/fd/{descriptor}")
            except (
                OSError
            ):  # the thread was killed while it waited, or the descriptor is none: the call itself will say so
                if any(request):
                    _answer(listener, identity, 0)
                continue
            error = 0
            if path.startswith(f"{folder}/") or path == str(folder):
                family = families[names[number]]
                calls[family] += 1
                error = 0 if fault is None else fault.error_of(family, calls[family])
                if error:
                    failed.append(f"{names[number]} {path.removeprefix(f'{folder}/')}")
            _answer(listener, identity, error)
    finally:
        os.close(listener)


def _answer(listener: int, identity: int, error: int) -> None:
    reply = bytearray(REPLY.pack(identity, 0, -error, 0 if error else CONTINUE))
    try:
        fcntl.ioctl(listener, ANSWER, reply)
    except OSError as gone:
        if gone.errno != errno.ENOENT:  # killed meanwhile
            raise
