"""`absgd-run`: runs a training script as it stands, and weighs the losses that it trains on.

    absgd-run --plan plan.json train.py --its own --arguments
    absgd-run -m package.train …
    absgd-run package.module:function …

Exit codes: that of the script; 1 where it raises, or where --lam is given and no loss was captured; 2 for
what cannot be run; 75 where a controller was gone for too long.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from absgd_worker.link.courier_process import start_early


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line names. Returns the exit code.

    `arguments`: in place of the process's own, by who does more than this afterwards.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if "--ab" in given:
        code = _compare(given)
        if code is not None:
            return code
    if arguments is None and _will_report(sys.argv[1:]):
        # The courier starts while this process imports torch.
        start_early()
    from absgd_worker.script_program import run_program  # noqa: PLC0415

    return run_program(arguments)


def _compare(arguments: Sequence[str]) -> int | None:
    """Compares lambda with none, if `--ab` is an option of this program and not of the script."""
    from absgd_worker.ab.command_line import joined_values  # noqa: PLC0415
    from absgd_worker.ab.program import compare  # noqa: PLC0415
    from absgd_worker.attach.script.options import command_line  # noqa: PLC0415

    arguments = joined_values(arguments)
    options = command_line().parse_args(arguments)
    return compare(arguments, options) if options.ab else None


def _will_report(arguments: Sequence[str]) -> bool:
    """Whether a controller drives the script, or its run is recorded."""
    is_driven = "ABSGD_ENDPOINT" in os.environ or "ABSGD_AWAIT_SETTINGS" in os.environ
    return is_driven or any(one.startswith("--name") for one in arguments)


if __name__ == "__main__":
    sys.exit(main())
