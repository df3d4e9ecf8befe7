"""Turns settings into everything one run of Triton needs: command line, environment, free ports, run directory."""

import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from sensorium.rpc.address import local_address
from sensorium.settings import TritonSettings
from sensorium.triton import guard
from sensorium.triton.installation import Installation

LOOPBACK = "127.0.0.1"
_SHIM = Path(__file__).parent / "backends/onnxruntime"
_OURS = re.compile(r"sensorium-triton-(?P<namespace>\d+)-(?P<pid>\d+)-")
# Triton needs none of our settings (secrets among them), and its stub must not find our packages.
_KEPT_FROM_TRITON = ("SENSORIUM_", "PYTHON", "VIRTUAL_ENV", "LD_PRELOAD")


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one run; HTTP and metrics stay on loopback."""

    grpc: int
    http: int
    metrics: int


@dataclass(frozen=True, slots=True)
class Launch:
    """One run of Triton, ready to start.

    Attributes:
        command: The guard's command line, which holds Triton's.
        environment: Triton's environment variables, whole.
        target: The gRPC address, as seen from here.
        run_directory: Its backend directory lies here; the guard removes it at the end.
        shm_prefix: What the names of its shared memory regions start with.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    target: str
    run_directory: Path
    shm_prefix: str


def prepare(settings: TritonSettings, installation: Installation, ports: Ports) -> Launch:
    """Lay out a run directory and return the run that uses it."""
    run_directory = Path(tempfile.mkdtemp(prefix=_own_prefix()))
    prefix = run_directory.name  # unique among the runs of this and of other processes
    assemble_backends(installation, run_directory)
    replace_bundled_python(installation, run_directory)
    guarded = (sys.executable, "-I", "-S", guard.__file__, str(run_directory), prefix)
    triton = triton_command(settings, installation, run_directory, prefix, ports)
    return Launch(
        command=(*guarded, str(settings.stop_timeout_seconds), *triton),
        environment=triton_environment(installation, run_directory, os.environ),
        target=local_address(settings.host, ports.grpc),
        run_directory=run_directory,
        shm_prefix=prefix,
    )


def triton_command(
    settings: TritonSettings, installation: Installation, run_directory: Path, shm_prefix: str, ports: Ports
) -> tuple[str, ...]:
    """Return Triton's command line."""
    return (
        str(installation.server),
        f"--model-repository={settings.model_repository.absolute()}",
        f"--backend-directory={run_directory / 'backends'}",
        # Models are loaded by name over the API, so a bad one never stops the rest.
        "--model-control-mode=explicit",
        "--strict-readiness=true",
        "--disable-auto-complete-config",
        f"--model-config-name={settings.config_name or choose_config(installation)}",
        f"--grpc-address={settings.host}",
        f"--grpc-port={ports.grpc}",
        f"--http-address={LOOPBACK}",
        f"--http-port={ports.http}",
        f"--metrics-address={LOOPBACK}",
        f"--metrics-port={ports.metrics}",
        "--allow-gpu-metrics=false",
        f"--exit-timeout-secs={max(1, round(settings.stop_timeout_seconds))}",
        f"--log-verbose={settings.log_verbosity}",
        f"--backend-config=python,shm-region-prefix-name={shm_prefix}",
        f"--backend-config=python,shm-default-byte-size={settings.shared_memory_bytes}",
        f"--backend-config=python,shm-growth-byte-size={settings.shared_memory_bytes}",
        *trace_flags(settings.otlp_http_endpoint),
    )


def trace_flags(endpoint: str) -> Iterator[str]:
    """Yield the flags that send a span of every traced request to an OTLP/HTTP `endpoint`."""
    if endpoint:
        yield "--trace-config=mode=opentelemetry"
        yield f"--trace-config=opentelemetry,url={endpoint}"
        yield "--trace-config=opentelemetry,resource=service.name=triton"
        yield "--trace-config=opentelemetry,bsp_schedule_delay=1000"  # milliseconds
        yield "--trace-config=level=TIMESTAMPS"
        yield "--trace-config=rate=1"


def triton_environment(installation: Installation, run_directory: Path, ours: Mapping[str, str]) -> dict[str, str]:
    """Return our environment with Triton's interpreter and libraries first, and without our settings."""
    kept = {name: value for name, value in ours.items() if not name.startswith(_KEPT_FROM_TRITON)}
    libraries = (run_directory / "lib", *installation.python_libraries, installation.libraries)
    return {
        **kept,
        # The stub embeds the interpreter that it finds on PATH.
        "PATH": os.pathsep.join([str(installation.environment / "bin"), ours.get("PATH", os.defpath)]),
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, [*map(str, libraries), ours.get("LD_LIBRARY_PATH")])),
    }


def assemble_backends(installation: Installation, run_directory: Path) -> None:
    """Make the backend directory: the wheel's Python backend with its stub, and our onnxruntime backend.

    The files are copied: Triton refuses a backend library whose link leads out of the directory.
    """
    python, onnxruntime = run_directory / "backends/python", run_directory / "backends/onnxruntime"
    shutil.copytree(installation.python_backend, python)
    shutil.copy2(installation.stub, python)
    shutil.copytree(_SHIM, onnxruntime, ignore=shutil.ignore_patterns("__pycache__"))


def replace_bundled_python(installation: Installation, run_directory: Path) -> None:
    """Let the stub find the environment's own libpython by the name of one that the wheel bundles.

    The stub for 3.13 is linked with a bundled copy, which is older than the standard library of the interpreter that
    it is to run, and lacks symbols that this needs.
    """
    folder = run_directory / "lib"
    folder.mkdir()
    own = installation.python_library
    for bundled in installation.bundled_pythons:
        if own is not None:
            (folder / bundled).symlink_to(own)


def choose_config(installation: Installation) -> str:
    """Return `gpu` where this machine has an NVIDIA driver and the installation can use it, else `cpu`."""
    return "gpu" if installation.runs_on_gpu and Path("/proc/driver/nvidia/version").exists() else "cpu"


def free_ports(grpc: int = 0) -> Ports:
    """Return three ports that are free on the loopback address; that of gRPC is `grpc`, unless it is 0.

    Should another process take one before Triton does, Triton exits, and its next run gets others.
    """
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(3)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        free = Ports(*(one.getsockname()[1] for one in sockets))
        return replace(free, grpc=grpc or free.grpc)


def sweep() -> None:
    """Remove what runs left whose process and guard were both killed at once."""
    for path in [*guard.SHARED_MEMORY.glob("sensorium-triton-*"), *_temporary().glob("sensorium-triton-*")]:
        if _is_abandoned(path.name):
            guard.remove_leftovers(_temporary() / path.name, path.name)


def _is_abandoned(name: str) -> bool:
    ours = _OURS.match(name)
    # Processes of another container that shares our /dev/shm cannot be seen from here: theirs is left alone.
    if ours is None or int(ours["namespace"]) != _namespace():
        return False
    return not Path("/proc", ours["pid"]).exists()


def _own_prefix() -> str:
    return f"sensorium-triton-{_namespace()}-{os.getpid()}-"


def _namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino


def _temporary() -> Path:
    return Path(tempfile.gettempdir())
