"""Writes ab.json: what `absgd-run --ab` says about paired differences, and `absgd ab` says too.

`test/statistics/verdict.test.ts` and `python-worker/tests/ab/test_verdict.py` read it.

    PYTHONPATH=python-worker/src python proto/golden/ab.py     rewrites ab.json beside this file
"""

from __future__ import annotations

import json
from pathlib import Path

from absgd_worker.ab.statistics import verdict

CASES = [
    ([0.02, 0.03, 0.025], 0.005),
    ([-0.02, -0.03, -0.025], 0.005),
    ([0.001, -0.001, 0.0005, -0.0004], 0.005),
    ([0.02, -0.01, 0.03], 0.005),
    ([0.02, -0.01, 0.03, 0.0, 0.01, 0.02, -0.03, 0.04], 0.005),
    ([0.001, -0.09, 0.08], 0.005),
    ([0.001, -0.001, 0.0005], 0.0001),
    ([1.5, 2.5, 0.5, 1.0, 3.0], 0.5),
    ([0.01], 0.005),
    ([0.01, 0.02], 0.005),
    ([0.0, 0.0, 0.0], 0.005),
    ([0.5, 0.5, 0.5], 0.005),
    ([0.0, 0.0, 0.0], 0.00005),
    ([0.0, 0.0, 1.0, -1.0], 1234567.0),
]


def main() -> None:
    cases = [
        {"gains": gains, "matters": matters, **verdict(gains, matters)._asdict()} for gains, matters in CASES
    ]
    lines = ",\n".join(" " + json.dumps(case) for case in cases)
    Path(__file__).with_suffix(".json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
