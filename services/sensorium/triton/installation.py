"""Finds the parts of a Triton that pip installed, so that the launcher deals with paths alone."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from sensorium.errors import FailedPrecondition

# Asked of Triton's own interpreter: where its packages lie, its version, and the folders that may hold its libpython.
_QUESTION = """
import os, sys, sysconfig
print(sysconfig.get_path("purelib"))
print("%d.%d" % sys.version_info[:2])
print(sysconfig.get_config_var("LIBDIR") or "")
print(os.path.join(sys.base_prefix, "lib"))
print(os.path.join("/usr/lib", sysconfig.get_config_var("MULTIARCH") or ""))
"""
_MEND = "create it from requirements/triton.lock, as `make setup` does"


@dataclass(frozen=True, slots=True)
class Installation:
    """An environment with the `nvidia-pytriton` wheel in it.

    Attributes:
        environment: The virtual environment's root.
        packages: Its site-packages.
        python_version: Its interpreter's version, `3.11`.
        python_libraries: Folders that may hold the interpreter's `libpython`.
    """

    environment: Path
    packages: Path
    python_version: str
    python_libraries: tuple[Path, ...]

    @property
    def server(self) -> Path:
        """Triton's executable."""
        return self.packages / "pytriton/tritonserver/bin/tritonserver"

    @property
    def python_backend(self) -> Path:
        """The folder of the Python backend, without a stub."""
        return self.packages / "pytriton/tritonserver/backends/python"

    @property
    def stub(self) -> Path:
        """The Python backend's child process, built for this interpreter's version."""
        return (
            self.packages / "pytriton/tritonserver/python_backend_stubs" / self.python_version
        ) / "triton_python_backend_stub"

    @property
    def libraries(self) -> Path:
        """The shared libraries that the wheel carries."""
        return self.packages / "nvidia_pytriton.libs"

    @property
    def python_library(self) -> Path | None:
        """The interpreter's libpython, when it lies in one of the folders it may lie in."""
        name = f"libpython{self.python_version}.so.1.0"
        return next((folder / name for folder in self.python_libraries if (folder / name).exists()), None)

    @property
    def bundled_pythons(self) -> list[str]:
        """The names of the copies of libpython, for this interpreter's version, that the wheel carries."""
        major, minor = self.python_version.split(".")
        return [path.name for path in self.libraries.glob(f"libpython{major}-*.{minor}.so.1.0")]

    @property
    def runs_on_gpu(self) -> bool:
        """Whether its ONNX Runtime is the build for GPUs."""
        return any(self.packages.glob("onnxruntime_gpu-*.dist-info"))


def find_installation(environment: Path) -> Installation:
    """Return what is installed in `environment`. Raises FailedPrecondition, saying what is missing."""
    packages, version, *libraries = _ask(environment / "bin/python")
    installation = Installation(
        environment=environment.absolute(),
        packages=Path(packages),
        python_version=version,
        python_libraries=tuple(Path(folder) for folder in libraries if folder),
    )
    for part in (installation.server, installation.stub):
        if not part.exists():
            raise FailedPrecondition(f"Triton's environment {environment} lacks {part.name}: {_MEND}")
    return installation


def _ask(python: Path) -> list[str]:
    if not python.exists():
        raise FailedPrecondition(f"there is no environment for Triton at {python.parent.parent}: {_MEND}")
    try:
        answered = subprocess.run(  # noqa: S603 - the interpreter that the settings name
            [str(python), "-I", "-c", _QUESTION], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise FailedPrecondition(f"the interpreter {python} of Triton's environment does not run: {error}") from error
    return answered.stdout.splitlines()
