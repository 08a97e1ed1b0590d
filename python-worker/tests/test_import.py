"""What importing the package costs a user's script."""

from __future__ import annotations

import subprocess
import sys

import absgd_worker
from worker_process import SOURCE


def test_importing_the_package_loads_no_socket_no_message_and_no_numpy_and_prints_nothing():
    script = (
        "import sys, torch; before = set(sys.modules); import absgd_worker; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "sys.stderr.write(' '.join(sorted(new & {'zmq', 'google', 'numpy', 'sklearn'})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    assert done.stderr == ""


def test_the_package_names_what_a_task_needs():
    assert set(absgd_worker.__all__) >= {"Context", "Evaluated", "Task", "TaskError"}
    assert all(hasattr(absgd_worker, name) for name in absgd_worker.__all__)
