"""What the preflight finds and which command it gives."""

import subprocess
import sys
from pathlib import Path

import pytest

from sensorium.triton import preflight
from sensorium.triton.preflight import (
    Problem,
    check_glibc,
    check_library,
    check_module,
    check_platform,
    check_python,
    check_shared_memory,
    mending_command,
)


@pytest.mark.parametrize(("system", "machine"), [("darwin", "x86_64"), ("linux", "aarch64")])
def test_other_platforms_are_refused(system: str, machine: str) -> None:
    assert check_platform(system, machine)


@pytest.mark.parametrize(
    ("version", "good"), [("2.36", True), ("2.35", True), ("3.0", True), ("2.34", False), ("2.4", False), ("", False)]
)
def test_glibc_must_be_new_enough(version: str, *, good: bool) -> None:
    assert (check_glibc(version) is None) is good


@pytest.mark.parametrize(
    ("version", "good"), [((3, 10), False), ((3, 11), True), ((3, 12), True), ((3, 13), True), ((3, 14), False)]
)
def test_python_must_have_a_stub(version: tuple[int, int], *, good: bool) -> None:
    assert (check_python(version) is None) is good


def test_a_library_in_the_interpreters_own_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "libpython3.11.so.1.0").touch()
    assert check_library("libpython3.11.so.1.0", "libpython3.11", missing, [tmp_path]) is None


def test_a_library_that_the_system_has_is_found() -> None:
    assert check_library("libx.so", "libx", lambda name: name, []) is None


def test_a_missing_library_is_named_with_its_package() -> None:
    problem = check_library("libpython3.11.so.1.0", "libpython3.11", missing, [])
    assert problem is not None
    assert "libpython3.11.so.1.0" in problem.what
    assert problem.package == "libpython3.11"


def missing(name: str) -> object:
    raise OSError(f"{name}: cannot open shared object file")


def test_a_missing_module_is_named_with_its_package() -> None:
    problem = check_module("no_such_module", (3, 11))
    assert problem is not None
    assert problem.package == "python3.11-venv"


def test_absent_shared_memory_is_a_problem(tmp_path: Path) -> None:
    assert check_shared_memory(tmp_path / "absent")
    assert check_shared_memory(tmp_path) is None


@pytest.mark.skipif(not Path("/usr/bin/apt-get").exists(), reason="the command is Debian's")
def test_one_command_mends_all_that_packages_mend() -> None:
    problems = [Problem("b", "libb"), Problem("a", "liba"), Problem("again", "liba"), Problem("a wrong machine")]
    assert mending_command(problems, root=False) == (
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends liba libb"
    )
    assert mending_command(problems, root=True).startswith("apt-get update && apt-get install")
    assert mending_command([Problem("a wrong machine")], root=True) == ""


def test_it_runs_as_a_plain_script_without_any_package() -> None:
    command = [sys.executable, "-I", "-S", preflight.__file__]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
