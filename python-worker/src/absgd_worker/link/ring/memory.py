"""Memory that two processes share: a mapped file for which no descriptor stays open.

A script may close all of its descriptors. Python's `mmap` keeps one and closes its number in the end, which
may be that of a file of the script by then. So the functions of C are called.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


class SharedMemory:
    """A mapped region of `size` bytes. It stays mapped for as long as the process lives.

    `view` reads and writes it. `path` is that of its file, or None for memory of this process alone.
    """

    def __init__(self, path: Path | None, size: int, address: int) -> None:
        self.path = path
        self.size = size
        self.address = address
        self.view = memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")

    def release(self) -> None:
        """Gives the memory back, which reads as zeros from then on. What is written is lost.

        It is not unmapped: a thread that still has the view would be killed by a segmentation fault.
        """
        _map(self.size, -1, at=self.address)

    def unlink(self) -> None:
        """Deletes the file; the memory stays."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def create_memory(size: int) -> SharedMemory:
    """Allocates a file of `size` zeros in memory or in a local temporary folder, and maps it.

    Raises:
        OSError: there is no room for it in any of the folders.
    """
    refusals = []
    for folder in folders():
        path = folder / f"{PREFIX}{os.getpid()}-{namespace()}-{secrets.token_hex(4)}"
        try:
            return _create(path, size)
        except OSError as error:
            path.unlink(missing_ok=True)
            refusals.append(f"{folder}: {error.strerror or error}")
    raise OSError(errno.ENOSPC, f"no folder for {size >> 20} MiB of shared memory ({'; '.join(refusals)})")


def open_memory(path: Path) -> SharedMemory:
    """Maps a file of `create_memory`, of another process.

    Raises:
        OSError: there is no such file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        return SharedMemory(path, size, _map(size, descriptor))
    finally:
        os.close(descriptor)


def private_memory(size: int) -> SharedMemory:
    """Memory of this process, for a courier that is a thread."""
    return SharedMemory(None, size, _map(size, -1, populate=True))


def _create(path: Path, size: int) -> SharedMemory:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _allocate(descriptor, size)
        return SharedMemory(path, size, _map(size, descriptor, populate=True))
    finally:
        os.close(descriptor)


def _allocate(descriptor: int, size: int) -> None:
    """Takes the room for the whole file: if a page of a sparse file finds no room later, the process is
    killed."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    zeros = bytes(1 << 20)
    for start in range(0, size, len(zeros)):
        if os.write(descriptor, zeros[: size - start]) < min(len(zeros), size - start):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _map(size: int, descriptor: int, *, at: int | None = None, populate: bool = False) -> int:
    """The address of the mapped file, or of anonymous memory for the descriptor -1.

    Args:
        at: an address, to replace what is mapped there.
        populate: map all pages now, so that the first write to each of them does not take time in a step.
    """
    flags = MAP_SHARED if descriptor >= 0 else MAP_PRIVATE | MAP_ANONYMOUS
    flags |= 0 if at is None else MAP_FIXED
    flags |= MAP_POPULATE if populate else 0
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = (
        *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int),
        ctypes.c_longlong,
    )
    address = library.mmap(at, size, PROT_READ | PROT_WRITE, flags, descriptor, 0)
    if address is None or address == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), f"mmap of {size} bytes failed")
    return int(address)


def namespace() -> str:
    """The number of this process's namespace, in which its process id is valid; 0 on a system without."""
    try:
        return re.sub(r"\D", "", os.readlink("/proc/self/ns/pid"))
    except OSError:
        return "0"


def folders() -> Iterator[Path]:
    """Where the file may be: in memory, else in a temporary folder that is not on another machine."""
    shared = Path("/dev/shm")
    if shared.is_dir() and os.access(shared, os.W_OK):
        yield shared
    temporary = Path(tempfile.gettempdir())
    if not _is_on_network(temporary):
        yield temporary


def _is_on_network(folder: Path) -> bool:
    """Whether the folder is on a network file system, on which memory of two processes cannot be shared."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return False
    real = str(folder.resolve())
    mounts = [line.split()[1:3] for line in lines]
    around = [mount for mount in mounts if f"{real}/".startswith(f"{mount[0].rstrip('/')}/")]
    kind = max(around, key=lambda mount: len(mount[0]), default=["", ""])[1]
    return kind.startswith(NETWORK_FILE_SYSTEMS)


PREFIX = "absgd-ring-"
"""How the name of every file begins; the id of the process that made it and its namespace follow."""

NETWORK_FILE_SYSTEMS = (
    *("nfs", "cifs", "smb", "lustre", "gpfs", "beegfs", "ceph", "afs", "9p", "glusterfs"),
    *("fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.glusterfs", "virtiofs", "orangefs"),
)

PROT_READ, PROT_WRITE, MAP_SHARED, MAP_PRIVATE, MAP_FIXED = 1, 2, 1, 2, 0x10
MAP_ANONYMOUS = 0x1000 if sys.platform == "darwin" else 0x20
MAP_POPULATE = 0x8000 if sys.platform == "linux" else 0
