"""A terminal for a script that asks for its size where nobody has one."""

from __future__ import annotations

import os
import struct
import sys


def lend_terminal() -> None:
    """Puts a terminal of 24 lines and 80 columns in the place of a stdin that is /dev/null, as a worker's is.

    `stty size` answers then; whoever reads from it finds its end. Does nothing elsewhere.
    """
    if sys.platform == "win32" or not _reads_nothing():
        return
    import fcntl  # noqa: PLC0415 - there is none on Windows
    import termios  # noqa: PLC0415

    main, side = os.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    # Stays open for as long as the process lives, with an end of input in it.
    os.write(main, b"\x04")
    os.dup2(side, 0)
    os.close(side)


def _reads_nothing() -> bool:
    try:
        return os.path.samestat(os.fstat(0), os.stat(os.devnull))
    except OSError:
        return False
