"""Where the files of this project lie."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parents[1]
SOURCE = ROOT / "python-worker" / "src"
SCRIPTS = TESTS / "scripts"
GOLDEN = ROOT / "proto" / "golden"
EXAMPLES = ROOT / "examples"
DOCS = ROOT / "docs"
