"""Where and how the storage tests run things: in memory, or in a fork with fewer rights or less room."""

from __future__ import annotations

import os
import resource
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NOBODY = 65_534
#: Where files cost no wait for a disk. A killed process loses nothing of what lies here; only a power cut would.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def in_fork(act: Callable[[], object]) -> str:
    """Returns what a function returns in a forked process, as text; an exception as its type and message."""
    mine, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            said = str(act())
        except BaseException as error:
            traceback.print_exc()
            said = f"{type(error).__name__}: {error}"
        os.write(theirs, said.encode()[:4_000])
        os._exit(0)
    os.close(theirs)
    with os.fdopen(mine, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(pid, 0)
    return said


def without_rights(act: Callable[[], object]) -> Callable[[], object]:
    """Returns the function as one that gives up the rights of root first; file modes mean nothing to root."""

    def limited() -> object:
        if os.geteuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return act()

    return limited


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Lets no file grow beyond a size, in bytes: what a full disk looks like."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
