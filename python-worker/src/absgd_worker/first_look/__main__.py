"""The program: `python -m absgd_worker.first_look train.py`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from absgd_worker.console import complain, say
from absgd_worker.first_look.look import LookError, look


def main(arguments: Sequence[str]) -> int:
    """Prints what was found as one JSON object. Returns the exit code: 0, or 2 with a message on stderr."""
    name, *recipe = arguments
    try:
        # `read_text` would change the ends of lines.
        text = Path(name).read_bytes().decode()
        found = look(text, Path(name).name, *recipe)
    except (OSError, UnicodeDecodeError, LookError) as error:
        complain(f"{name}: {error}")
        return 2
    say(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
