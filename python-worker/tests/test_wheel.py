"""The package as people install it, in an environment that does not see the source tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
SOURCES = PROJECT / "src"

TRAINING = """
import torch
from torch import nn
torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(3, (8,))).backward()
    optimizer.step()
print("trained")
"""

# One process builds and installs once for all of these tests.
pytestmark = pytest.mark.xdist_group("wheel")

BUILD = """
import sys
from setuptools import build_meta
target = sys.argv[1]  # setuptools replaces sys.argv
build_meta.build_sdist(target)
build_meta.build_wheel(target)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from what the sdist holds."""
    folder = tmp_path_factory.mktemp("built")
    sdist, _ = _build(_copy_of_project(folder / "project"), folder / "first")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    _, wheel = _build(unpacked, folder / "second")
    return sdist, wheel


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment that has the wheel, and torch from the environment of the tests."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    _run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--no-deps",
            "--no-index",
            str(built[1]),
        ]
    )
    libraries = _run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    (Path(libraries) / "peers.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_the_wheel_made_from_the_sdist_has_every_file_of_the_package(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if name.startswith("absgd_worker/")}
    files = {
        path.relative_to(SOURCES).as_posix()
        for path in (SOURCES / "absgd_worker").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == files
    assert "absgd_worker/py.typed" in names


def test_sdist_wheel_worker_and_npm_package_have_one_version(built: tuple[Path, Path]) -> None:
    version = json.loads((PROJECT.parent / "package.json").read_text())["version"]
    assert built[0].name == f"absgd_worker-{version}.tar.gz"
    assert built[1].name == f"absgd_worker-{version}-py3-none-any.whl"


def test_an_installed_worker_is_imported_from_its_environment(installed: Path, tmp_path: Path) -> None:
    place = _run(
        [str(installed / "python"), "-c", "import absgd_worker; print(absgd_worker.__file__)"], cwd=tmp_path
    )
    assert Path(place.strip()).is_relative_to(installed.parent)


def test_absgd_run_of_the_wheel_prints_its_help_and_records_a_training(
    installed: Path, tmp_path: Path
) -> None:
    program = str(installed / "absgd-run")
    assert "--lam" in _run([program, "--help"], cwd=tmp_path)
    (tmp_path / "train.py").write_text(TRAINING)
    assert "trained" in _run([program, "--name", "first", "train.py"], cwd=tmp_path)
    assert (tmp_path / "runs" / "first" / "steps.log").stat().st_size > 0


def _copy_of_project(folder: Path) -> Path:
    """The build backend writes into the folder that it builds, so it gets a copy."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    shutil.copytree(SOURCES, folder / "src", ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(PROJECT / name, folder)
    return folder


def _build(project: Path, target: Path) -> tuple[Path, Path]:
    """The sdist and the wheel of a project, by the backend that it names, without a network."""
    target.mkdir()
    _run([sys.executable, "-c", BUILD, str(target)], cwd=project)
    (sdist,), (wheel,) = target.glob("*.tar.gz"), target.glob("*.whl")
    return sdist, wheel


def _run(command: list[str], cwd: Path | None = None) -> str:
    """What a program prints, in an environment that does not lead to the source tree."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "ABSGD_"))}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
