"""`python -m absgd_worker.recover RUN_DIRECTORY [SECONDS]`: see `link/recover_rings.py`. Does not import
torch.

SECONDS: how long a courier that still works may take, before it is killed; 10 by default.
"""

from __future__ import annotations

import sys
from pathlib import Path

from absgd_worker.link.recover_rings import await_couriers, recover_rings


def main(directory: str, seconds: str = "10") -> None:
    await_couriers(Path(directory), float(seconds))
    recover_rings(Path(directory))


if __name__ == "__main__":
    main(*sys.argv[1:])
