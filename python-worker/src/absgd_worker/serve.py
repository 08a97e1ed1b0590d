"""`python -m absgd_worker.serve`: serves one run of a controller, which environment variables name.

Exit codes: 0 completed or stopped, 1 failed, 75 no controller was heard for longer than the orphan limit.
"""

from __future__ import annotations

import signal

from absgd_worker.link.courier_process import Courier
from absgd_worker.link.end_process import end_process


def main() -> int:
    """Serves one run. Returns the exit code."""
    # Ctrl-C in a terminal reaches every process; only the controller decides what it does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # It starts while this process imports torch.
    courier = Courier()
    from absgd_worker.training.served_run import serve_run  # noqa: PLC0415

    return serve_run(courier)


if __name__ == "__main__":
    end_process(main())
