"""A script under absgd-run sees the world that it sees under python: names, paths, processes, exits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from absgd_worker import run
from absgd_worker.attach.errors import NotWeighable
from absgd_worker.attach.script.run_file import find_module, run_file
from absgd_worker.attach.script.script_errors import script_traceback
from project import SOURCE
from warm_interpreter import WarmProcess

WORLD = '''
import argparse, atexit, inspect, multiprocessing, os, pickle, sys
import {helper}


class Own:
    def __init__(self, value):
        self.value = value


def square(number):
    """Its result is of a class of the script, and comes back from another process."""
    return Own(number * number)


def at_exit():
    import __main__
    print("at exit", pickle.loads(pickle.dumps(Own(7))).value, hasattr(__main__, "Own"))


def main():
    atexit.register(at_exit)
    print(__name__, __package__, __spec__ and __spec__.name, type(__loader__).__name__, __doc__)
    print(os.path.basename(__file__), sys.argv, argparse.ArgumentParser().prog)
    print([path for path in sys.path if "world" in path])
    print(inspect.getsource(square), inspect.getfile(Own))
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, [one.value for one in pool.map(square, [1, 2, 3])])
    sys.stdout.flush()
    if sys.argv[1] == "raises":
        raise ValueError("its own")
    if sys.argv[1] == "interrupted":
        raise KeyboardInterrupt
    if sys.argv[1] == "says":
        sys.exit("a word at the end")
    return int(sys.argv[1])


if __name__ == "__main__":
    main()
'''
ENTRY = """
import sys
from world import main
if __name__ == "__main__":
    sys.argv[0] = "world:main"
    sys.exit(main())
"""


def test_a_script_prints_fails_and_exits_as_under_python(tmp_path: Path) -> None:
    """By file, by module and by function; pools of all start methods; handlers at exit."""
    folder = tmp_path / "world"
    (folder / "package").mkdir(parents=True)
    (folder / "helper.py").write_text("")
    (folder / "world.py").write_text(WORLD.format(helper="helper"))
    (folder / "entry.py").write_text(ENTRY)
    (folder / "package" / "__init__.py").write_text("")
    (folder / "package" / "helper.py").write_text("")
    (folder / "package" / "inner.py").write_text(WORLD.replace("import {helper}", "from . import helper"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ways: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
        "file": ((folder, "world.py", "raises"), (folder, "world.py", "raises")),
        "file elsewhere": ((elsewhere, "../world/world.py", "interrupted"),) * 2,
        "module": ((folder, "-m", "package.inner", "says"),) * 2,
        "function": ((folder, "entry.py", "3"), (folder, "world:main", "3")),
    }
    started = {
        # One of them starts absgd-run as people do.
        way: (_python(*plain), _fresh_absgd_run(*driven) if way == "file" else _absgd_run(*driven))
        for way, (plain, driven) in ways.items()
    }
    for way, (plain, driven) in started.items():
        expected, got = _ended(plain), _ended(driven)
        if way == "function":
            # A script that pip makes has a file; nothing of the main module itself is of use to anybody.
            for one in (expected, got):
                one.out = [line for line in one.out if not line.startswith("at exit")]
        assert got.out == expected.out, way
        assert got.code == expected.code, way
        if way.startswith("file"):
            assert got.err == expected.err, way
        elif way == "module":
            assert got.err[-1] == expected.err[-1] == "a word at the end"


def _python(folder: Path, *command: str) -> subprocess.Popen[str]:
    """A fresh interpreter."""
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _fresh_absgd_run(folder: Path, *command: str) -> subprocess.Popen[str]:
    return _python(folder, "-m", "absgd_worker.run", *command)


def _absgd_run(folder: Path, *command: str) -> WarmProcess:
    return WarmProcess(
        "-m", "absgd_worker.run", *command, cwd=folder, env={**os.environ, "PYTHONPATH": str(SOURCE)}
    )


def _ended(process: subprocess.Popen[str] | WarmProcess) -> SimpleNamespace:
    out, err = process.communicate(timeout=200)
    said = [line for line in err.splitlines() if not line.startswith("absgd:")]
    return SimpleNamespace(out=out.splitlines(), err=said, code=process.returncode)


def test_the_main_module_is_put_back_for_who_goes_on(tmp_path: Path) -> None:
    script = tmp_path / "own.py"
    script.write_text("import sys; assert sys.modules['__main__'] is sys.modules['__mp_main__']")
    before = (sys.modules["__main__"], sys.modules.get("__mp_main__"))
    run_file(script)
    assert (sys.modules["__main__"], sys.modules.get("__mp_main__")) == before


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("json.tool", "json.tool"),
        ("pytest", "pytest.__main__"),
        ("json", None),
        ("nowhere", None),
        ("json.nowhere", None),
    ],
)
def test_a_module_that_cannot_be_run_is_known_before_anything_begins(name: str, found: str | None) -> None:
    spec = find_module(name)
    assert (spec and spec.name) == found


def test_a_module_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["-m", "nowhere.at_all"]) == 2
    assert "no module nowhere.at_all" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["script", "called by the script"])
@pytest.mark.parametrize("kind", [ValueError, NotWeighable])
def test_a_traceback_begins_in_the_script_and_one_of_ours_ends_there(
    tmp_path: Path, where: str, kind: type[Exception]
) -> None:
    script = tmp_path / "fails.py"
    call = "raising(kind)" if where == "called by the script" else "raise kind('said')"
    script.write_text(f"from helpers_of_test import kind, raising\ndef inner():\n    {call}\ninner()\n")
    source = "def raising(kind):\n    raise kind('said')\n"
    ours = Path(run.__file__).parent / "attach" / "pretended.py"
    functions: dict[str, object] = {}
    exec(compile(source, str(ours), "exec"), functions)
    sys.modules["helpers_of_test"] = SimpleNamespace(kind=kind, raising=functions["raising"])  # type: ignore[assignment]
    try:
        with pytest.raises(kind) as caught:
            run.main(["--quiet", str(script)])
    finally:
        del sys.modules["helpers_of_test"]
    tb, names = script_traceback(caught.value), []
    while tb is not None:
        names.append((Path(tb.tb_frame.f_code.co_filename).name, tb.tb_frame.f_code.co_name))
        tb = tb.tb_next
    # What called absgd-run in this process is a frame of nobody's.
    names = names[names.index(("fails.py", "<module>")) :]
    shown = [("fails.py", "<module>"), ("fails.py", "inner")]
    if where == "called by the script" and kind is ValueError:
        shown.append(("pretended.py", "raising"))
    assert names == shown
