"""A process that has imported torch, and forks: a program in a fork begins with torch imported already.

`absgd run` starts one for several runs (`__main__`), and the test suites start theirs with the same
functions. `server` takes requests over a Unix socket and forks, `request` is what is asked for,
`interpreter` makes a fork behave as `python -m MODULE …` or `python FILE …` does.

Between the server and a fork there is a small process that waits for the fork's end and reports it. So the
end of the server reaches neither a fork nor the process that watches it.

A fork has its own session, signals, standard streams, arguments, `sys.path`, `__main__`, random state (of
`random`, numpy and torch) and key of multiprocessing. Threads do not survive a fork. The server starts none,
so torch makes its own in each fork, as many as the environment and ABSGD_THREADS say.

A fork cannot have its own seed of str hashes: the dicts of all modules are built with it when the interpreter
starts. Forks of one server share that seed, so they also visit sets of str in the same order. With
PYTHONHASHSEED it is the seed that was asked for, as in a fresh interpreter.
"""
