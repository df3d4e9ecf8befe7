"""Says, before anything is installed, whether this machine can run Triton, and mends what a package mends.

Needs the standard library alone and runs as a plain script: `python3 services/sensorium/triton/preflight.py [--fix]`,
with the interpreter that Triton's environment will be made from. Prints what is missing and the one command that
installs it, or runs that command with `--fix`. Exits with 0 when Triton can run, 1 when it cannot.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for interpreters too old to run Triton, which must still be told so
    from collections.abc import Callable, Sequence

OLDEST_GLIBC = (2, 35)
OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
LEAST_SHARED_MEMORY = 32 << 20


@dataclass(frozen=True)
class Problem:
    """One thing that keeps Triton from running.

    Attributes:
        what: What is wrong, and why it matters.
        package: The Debian package that mends it; empty when none does.
    """

    what: str
    package: str = ""


def find_problems() -> list[Problem]:
    """Return all that is wrong with this machine and this interpreter."""
    version = sys.version_info[:2]
    found = [
        check_platform(sys.platform, platform.machine()),
        check_glibc(platform.libc_ver()[1]),
        check_python(version),
        check_module("venv", version),
        check_module("ensurepip", version),
        check_library(f"libpython{version[0]}.{version[1]}.so.1.0", f"libpython{version[0]}.{version[1]}"),
        check_library("libstdc++.so.6", "libstdc++6"),
        check_library("libz.so.1", "zlib1g"),
        check_shared_memory(Path("/dev/shm")),  # noqa: S108 - where Triton and its stubs meet
    ]
    # Two checks may ask for one package, and say so once.
    return list(dict.fromkeys(problem for problem in found if problem))


def check_platform(system: str, machine: str) -> Problem | None:
    """Triton's wheel holds Linux binaries for x86-64."""
    if system == "linux" and machine in {"x86_64", "AMD64"}:
        return None
    return Problem(f"this is {system} on {machine}: the pip-installed Triton needs Linux on x86-64")


def check_glibc(version: str) -> Problem | None:
    """The wheel is built for manylinux_2_35. An empty version is another C library, such as musl."""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers >= OLDEST_GLIBC:
        return None
    return Problem(f"the C library is glibc {version or 'of unknown version'}: 2.35 or newer is needed (Debian 12)")


def check_python(version: tuple[int, ...]) -> Problem | None:
    """The mesh needs 3.11; the wheel's newest stub is for 3.13."""
    if OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        return None
    return Problem(f"this is Python {version[0]}.{version[1]}: Triton's environment needs Python 3.11, 3.12 or 3.13")


def check_module(name: str, version: tuple[int, ...]) -> Problem | None:
    """Debian takes `ensurepip` out of the standard library, without which `venv` makes no usable environment."""
    if importlib.util.find_spec(name):
        return None
    return Problem("Python cannot make virtual environments", f"python{version[0]}.{version[1]}-venv")


def check_library(
    name: str, package: str, load: Callable[[str], object] = ctypes.CDLL, folders: Sequence[Path] | None = None
) -> Problem | None:
    """Look for a shared library as the launcher will: in the interpreter's own folders, then in the system's."""
    if any((folder / name).exists() for folder in (library_folders() if folders is None else folders)):
        return None
    try:
        load(name)
    except OSError:
        return Problem(f"the shared library {name} is missing, which Triton or its Python stub needs", package)
    return None


def library_folders() -> list[Path]:
    """Return where an interpreter outside the system's folders keeps its library."""
    return [Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib"), Path(sys.base_prefix, "lib")]


def check_shared_memory(folder: Path) -> Problem | None:
    """Triton hands tensors to its stubs through shared memory, which a container may have too little of."""
    if not os.access(folder, os.W_OK):
        return Problem(f"{folder} is not there or cannot be written to")
    free = shutil.disk_usage(folder).free
    if free >= LEAST_SHARED_MEMORY:
        return None
    return Problem(f"{folder} has {free >> 20} MiB free, {LEAST_SHARED_MEMORY >> 20} are needed (docker: --shm-size)")


def mending_command(problems: Sequence[Problem], *, root: bool) -> str:
    """Return the one shell command that installs what packages mend; empty when they mend nothing here."""
    packages = sorted({problem.package for problem in problems if problem.package})
    if not packages or not shutil.which("apt-get"):
        return ""
    sudo = "" if root else "sudo "
    return f"{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {' '.join(packages)}"


def may_become_root() -> bool:
    """Return whether `sudo` asks for no password."""
    sudo = shutil.which("sudo")
    return bool(sudo) and subprocess.run([str(sudo), "-n", "true"], capture_output=True, check=False).returncode == 0  # noqa: S603


def main(arguments: Sequence[str]) -> int:
    """Check, mend if asked to, and check again."""
    parser = argparse.ArgumentParser(description="Check whether this machine can run Triton.")
    parser.add_argument("--fix", action="store_true", help="install what is missing, as root or with sudo")
    fix = parser.parse_args(arguments).fix
    problems = find_problems()
    root = os.geteuid() == 0
    command = mending_command(problems, root=root)
    if fix and command and (root or may_become_root()):
        report([], f"preflight: installing what is missing: {command}")
        subprocess.run(command, shell=True, check=False)  # noqa: S602 - the command that we also print
        # A fresh interpreter: this one has searched the folders already.
        return subprocess.run([sys.executable, __file__], check=False).returncode  # noqa: S603
    report(problems, f"preflight: this mends it: {command}" if command else "")
    return 1 if problems else 0


def report(problems: Sequence[Problem], last: str) -> None:
    """Print each problem, then what to do."""
    for problem in problems:
        print(f"preflight: {problem.what}", file=sys.stderr)
    if last:
        print(last, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
