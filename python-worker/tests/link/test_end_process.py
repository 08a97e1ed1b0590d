"""The end of a worker's process."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from project import SOURCE

# Without the package, which imports torch. The thread waits until the interpreter ends.
SCRIPT = """
import atexit, sys, threading
from end_process import end_process
kept = open(sys.argv[1], "w")
kept.write("kept")
atexit.register(lambda: kept.write(" at the end"))
ending = threading.Event()
threading._register_atexit(ending.set)
threading.Thread(target=lambda: (ending.wait(), kept.write(" by a thread,"))).start()
sys.stdout.write("printed")
end_process(7)
"""


def test_nothing_that_was_written_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "file"
    command = [sys.executable, "-c", SCRIPT, str(file)]
    env = {**os.environ, "PYTHONPATH": str(SOURCE / "absgd_worker" / "link")}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "printed", "")
    assert file.read_text() == "kept by a thread, at the end"


def test_what_a_module_of_the_user_holds_is_closed(tmp_path: Path) -> None:
    (tmp_path / "users.py").write_text(
        "import sys, tempfile, zipfile\n"
        "archive = zipfile.ZipFile(sys.argv[1], 'w')\n"
        "archive.writestr('a', 'kept')\n"
        "temporary = tempfile.NamedTemporaryFile(dir=sys.argv[2])\n"
    )
    (tmp_path / "temporary").mkdir()
    script = "import users; from end_process import end_process; end_process(0)"
    command = [sys.executable, "-c", script, str(tmp_path / "archive.zip"), str(tmp_path / "temporary")]
    path = os.pathsep.join([str(SOURCE / "absgd_worker" / "link"), str(tmp_path)])
    ended = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert zipfile.ZipFile(tmp_path / "archive.zip").read("a") == b"kept"
    assert list((tmp_path / "temporary").iterdir()) == []
