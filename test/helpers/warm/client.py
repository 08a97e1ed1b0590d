"""Stands in for the interpreter in tests: `client.py SOCKET PYTHON SOURCE ARGUMENTS…`.

Asks the warm server to run the arguments in a process that has torch imported already, forwards signals to
that process, and ends as it ends. PYTHON itself runs, in this process, what the server cannot run exactly as
an interpreter would.

To everybody else that process is this one: it reports the pid of this client, and dies with this client.
Imports only what an interpreter without `site` has at hand, since the start of this file is paid by every test.
"""

import _signal
import _socket
import posix
import sys

FORWARDED = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2")
SIGNALS = tuple(getattr(_signal, name) for name in FORWARDED)
# Variables that an interpreter or a library reads once, when it starts.
READ_AT_START = (b"OMP_", b"MKL_", b"KMP_", b"TORCH", b"PYTORCH", b"CUDA", b"LD_", b"PYTHON", b"ABSGD_COLD")
# None: whatever its value is.
UNDERSTOOD = {
    b"OMP_NUM_THREADS": b"1",
    b"PYTHONDONTWRITEBYTECODE": None,
    b"PYTHONPATH": None,
    b"PYTHONUNBUFFERED": None,
    b"PYTHONUTF8": b"1",
}


def is_warm(arguments, environment, source):
    """Whether the server can run the arguments as an interpreter would."""
    module = len(arguments) > 1 and arguments[0] == b"-m" and arguments[1].startswith(b"absgd_worker.")
    script = len(arguments) > 0 and arguments[0].endswith(b".py")
    if not (module or script) or environment.get(b"OMP_NUM_THREADS") != b"1":
        return False
    for name, value in environment.items():
        if name.startswith(READ_AT_START) and UNDERSTOOD.get(name, b"") not in (None, value):
            return False
    return environment.get(b"PYTHONPATH", b"").split(b":")[0] == source


def start(connection, arguments, environment):
    """Sends the request (absgd_worker/fork_server/request.py). Returns the pid of the process, and the end of a pipe that this
    process keeps open."""
    lifeline, held = posix.pipe()
    ignored = [signal for signal in SIGNALS if _signal.getsignal(signal) == _signal.SIG_IGN]
    umask = posix.umask(0)
    posix.umask(umask)
    texts = [
        b"directory=" + posix.getcwdb(),
        b"ignored=" + b" ".join(b"%d" % n for n in ignored),
        b"umask=%d" % umask,
        b"pid=%d" % posix.getpid(),
        *(b"argument=" + argument for argument in arguments),
        *(b"variable=" + name + b"=" + value for name, value in environment.items()),
    ]
    body = b"\0".join(texts)
    descriptors = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2, lifeline))
    frame = len(body).to_bytes(4, "big") + body
    sent = connection.sendmsg([frame], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)])
    connection.sendall(frame[sent:])
    posix.close(lifeline)
    return receive(connection), held


def receive(connection):
    """The number at the end of a line; ends this process where the server is gone."""
    line = b""
    while not line.endswith(b"\n"):
        # One byte at a time, since the next line may be there already.
        more = connection.recv(1)
        if not more:
            posix._exit(1)
        line += more
    return int(line.split()[1])


def end_as(status):
    """Ends this process as a process with this wait status ended."""
    if posix.WIFSIGNALED(status):
        signal = posix.WTERMSIG(status)
        if signal != _signal.SIGKILL:
            _signal.signal(signal, _signal.SIG_DFL)
        posix.kill(posix.getpid(), signal)
    posix._exit(posix.WEXITSTATUS(status))


def main():
    address, python, source, *arguments = [text.encode("utf-8", "surrogateescape") for text in sys.argv[1:]]
    environment = dict(posix.environ)
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        if not is_warm(arguments, environment, source):
            raise OSError
        connection.connect(address)
    except OSError:
        posix.execve(python, [python, *arguments], environment)
    pid = 0
    early = []

    def forward(signal, _frame):
        if pid == 0:
            early.append(signal)
            return
        try:
            posix.kill(pid, signal)
        except OSError:
            pass  # It has ended; its status is on the way.

    process, _held = start(connection, arguments, environment)
    for signal in SIGNALS:
        if _signal.getsignal(signal) != _signal.SIG_IGN:
            _signal.signal(signal, forward)
    pid = process
    for signal in early:
        forward(signal, None)
    end_as(receive(connection))


main()
