"""`python -m absgd_worker.recover RUN_DIRECTORY`: see `link/recover_rings.py`. Does not import torch."""

from __future__ import annotations

import sys
from pathlib import Path

from absgd_worker.link.recover_rings import recover_rings

if __name__ == "__main__":
    recover_rings(Path(sys.argv[1]))
