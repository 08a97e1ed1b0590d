"""The end of a worker's process."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import atexit, sys, threading, time
from absgd_worker.link.end_process import end_process
kept = open(sys.argv[1], "w")
kept.write("kept")
atexit.register(lambda: kept.write(" at the end"))
threading.Thread(target=lambda: (time.sleep(0.05), kept.write(" by a thread,"))).start()
sys.stdout.write("printed")
end_process(7)
"""


def test_nothing_that_was_written_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "file"
    command = [sys.executable, "-c", SCRIPT, str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "printed", "")
    assert file.read_text() == "kept by a thread, at the end"
