"""What the fork server reads, refuses and imports. test/worker/fork-server.test.ts has what its forks do."""

from __future__ import annotations

import os
import random
import socket
import threading
from pathlib import Path

import pytest
import torch

from absgd_worker.fork_server.__main__ import objection
from absgd_worker.fork_server.request import Request, encode, receive
from absgd_worker.fork_server.server import listen
from warm_interpreter import WarmProcess, run_python

REQUEST = Request(
    arguments=["-m", "absgd_worker.run", "train.py", "", "--name=a\nb", "\udcff"],
    environment={b"PATH": b"/bin:/usr/bin", b"EMPTY": b"", b"EQUALS": b"a=b", b"\xff": b"\xfe"},
    directory="/a folder",
    output="/a folder/worker.log",
    ignored=[1, 2],
    options={"session": "1", "absgd_worker.link.courier.channel.PROGRESS_SECONDS": "0.2"},
)


def test_a_request_arrives_as_it_was_sent_in_one_piece_or_in_many() -> None:
    for piece in (1, 7, 1 << 20):
        ours, theirs = socket.socketpair()
        body = encode(REQUEST)
        sender = threading.Thread(target=_send, args=(ours, body, piece))
        sender.start()
        assert receive(theirs) == REQUEST
        sender.join()
        ours.close()
        theirs.close()


def test_an_incomplete_request_is_none_and_its_files_are_closed(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    before = len(os.listdir("/dev/fd"))
    with open(os.devnull, "rb") as file:
        socket.send_fds(ours, [encode(REQUEST)[:-1]], [file.fileno()])
    ours.close()
    assert receive(theirs) is None
    assert len(os.listdir("/dev/fd")) == before - 1
    theirs.close()


@pytest.mark.parametrize(
    ("sent", "what"),
    [(b"\xff\xff\xff\xff", "4,294,967,295 bytes"), (b"\0\0\0\3a=b", "names no program")],
)
def test_what_is_no_request_is_an_error(sent: bytes, what: str) -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(sent)
    with pytest.raises(ValueError, match=what):
        receive(theirs)
    ours.close()
    theirs.close()


def test_only_its_owner_can_connect(tmp_path: Path) -> None:
    listen(str(tmp_path / "socket")).close()
    assert (tmp_path / "socket").stat().st_mode & 0o777 == 0o600


def test_nothing_is_forked_once_cuda_is_in_use_or_threads_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert objection(is_spoilt=False) == ""
    assert "CUDA is in use already" in objection(is_spoilt=True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert "CUDA is in use already" in objection(is_spoilt=False)
    monkeypatch.undo()
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    assert "has started threads" in objection(is_spoilt=False)


@pytest.mark.skipif(torch.version.cuda is None, reason="this build of torch has no CUDA")
def test_a_question_for_the_number_of_devices_spoils_cuda_in_forks_which_the_server_notices() -> None:
    code = (
        "import torch; from absgd_worker.fork_server.__main__ import accelerators_are_spoilt as spoilt\n"
        "print(spoilt()); torch.cuda.is_available(); print(torch.cuda.is_initialized(), spoilt())"
    )
    assert run_python("-c", code, keeps_package=True).stdout == "False\nFalse True\n"


def test_the_imports_touch_no_accelerator_and_start_no_thread_of_torch_or_python() -> None:
    code = (
        "import os, sys, threading, torch; print(torch.cuda.is_initialized(), threading.active_count(), "
        "'torch._dynamo' in sys.modules, len(os.listdir('/proc/self/task')))"
    )
    # The tests' own process has imported with one thread for libraries; another one would be torch's.
    assert run_python("-c", code).stdout == "False 1 True 1\n"


def test_keys_of_multiprocessing_and_random_numbers_differ_between_forks() -> None:
    code = (
        "import multiprocessing as m, random, torch\n"
        "print(bytes(m.current_process().authkey).hex(), random.random(), torch.rand(1).item())"
    )
    printed = [run_python("-c", code).stdout.split() for _ in range(2)]
    assert not {*printed[0]} & {*printed[1]}
    assert repr(random.random()) not in printed[0]


def test_a_signal_for_the_session_of_a_fork_does_not_reach_the_process_that_reports_its_end() -> None:
    code = "import os, signal; os.killpg(0, signal.SIGTERM)"
    assert WarmProcess("-c", code, new_session=True).wait() == -15


def _send(connection: socket.socket, body: bytes, piece: int) -> None:
    for start in range(0, len(body), piece):
        connection.sendall(body[start : start + piece])
