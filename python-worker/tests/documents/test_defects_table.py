"""The page of results says of the authors' recurrence what bench/python/defects.py computes."""

from __future__ import annotations

import runpy

from project import ROOT


def test_the_table_of_defects_is_what_its_command_prints():
    table = runpy.run_path(str(ROOT / "bench" / "python" / "defects.py"))["table"]()
    assert table in (ROOT / "docs" / "results.md").read_text()
