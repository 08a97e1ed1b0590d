"""Gives a terminal to a script without one, because some scripts ask for its size."""

from __future__ import annotations

import os
import struct
import sys


def replace_null_stdin() -> None:
    """Replaces a stdin that is /dev/null, such as that of a worker, by a terminal of 24 lines and 80 columns.

    Then `stty size` works, and reading gives the end of input. Does nothing with another stdin.
    """
    if sys.platform == "win32" or not _is_null():
        return
    import fcntl  # noqa: PLC0415 - there is none on Windows
    import termios  # noqa: PLC0415

    main, side = os.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    # It stays open while the process lives, and contains an end of input.
    os.write(main, b"\x04")
    os.dup2(side, 0)
    os.close(side)


def _is_null() -> bool:
    try:
        return os.path.samestat(os.fstat(0), os.stat(os.devnull))
    except OSError:
        return False
