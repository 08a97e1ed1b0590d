"""Forks processes that have torch and the worker's modules imported: `server.py SOCKET`. Linux only. Ends with its stdin.

It is the fork server of `absgd run` (`absgd_worker.fork_server`), and adds what a test needs: a fork stands for the client that
asked for it. It dies with that client, and names itself by its pid.
"""

import fcntl
import os
import select
import signal
import socket
import sys

F_SETOWN, F_SETSIG = 8, 10


def prepare(request):
    os.setsid()
    die_with(request.files[3])
    os.umask(int(request.options["umask"]))
    take_pid(int(request.options["pid"]))


def die_with(lifeline):
    """The kernel sends SIGKILL to this process when the client, which has the other end of the pipe, dies,
    before the parent of the client can notice."""
    fcntl.fcntl(lifeline, F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    gone = select.poll()
    gone.register(lifeline, select.POLLIN)
    if gone.poll(0):
        os.kill(os.getpid(), signal.SIGKILL)


def take_pid(pid):
    """Makes this process name itself by the pid of its client. What it forks has a pid of its own."""
    getpid, kill, own = os.getpid, os.kill, os.getpid()

    def restore():
        os.getpid, os.kill = getpid, kill

    os.getpid = lambda: pid
    # A process that kills itself executes nothing more.
    os.kill = lambda target, number: kill(own if target == pid else target, number)
    os.register_at_fork(after_in_child=restore)


def main(address):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    # Clients may connect from here on; they wait for the imports.
    listener.listen(128)
    from absgd_worker.fork_server import __main__ as product
    from absgd_worker.fork_server.interpreter import become, library_path
    from absgd_worker.fork_server.server import import_all, serve

    library = library_path()
    import_all(product.IMPORTED_LATER, product.PROGRAMS)
    request = serve(listener)
    if request is not None:
        become(request, library, prepare)


main(sys.argv[1])
# The interpreter's own teardown of torch takes seconds, and there is nothing to clean up.
os._exit(0)
