"""The launcher's command line, environment and names."""

import os
from pathlib import Path

import pytest

from sensorium.settings import TritonSettings
from sensorium.triton import guard, launcher
from sensorium.triton.installation import Installation
from sensorium.triton.launcher import (
    Ports,
    choose_config,
    free_ports,
    replace_bundled_python,
    sweep,
    triton_command,
    triton_environment,
)

PORTS = Ports(grpc=1, http=2, metrics=3)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "env", tmp_path / "env/packages", "3.11", (Path("/python/lib"),))


def command(settings: TritonSettings, installation: Installation) -> tuple[str, ...]:
    return triton_command(settings, installation, Path("/run/here"), "prefix-", PORTS)


def test_triton_listens_on_the_loopback_alone(installation: Installation) -> None:
    flags = command(TritonSettings(), installation)
    assert {flag for flag in flags if "-address=" in flag} == {
        "--grpc-address=127.0.0.1",
        "--http-address=127.0.0.1",
        "--metrics-address=127.0.0.1",
    }
    assert {"--grpc-port=1", "--http-port=2", "--metrics-port=3"} <= set(flags)


def test_triton_listens_for_grpc_where_the_settings_say(installation: Installation) -> None:
    flags = command(TritonSettings(host="0.0.0.0"), installation)
    assert {flag for flag in flags if "-address=0.0.0.0" in flag} == {"--grpc-address=0.0.0.0"}


def test_models_are_loaded_by_name_only(installation: Installation) -> None:
    flags = command(TritonSettings(models=("a", "b")), installation)
    assert "--model-control-mode=explicit" in flags
    assert not any(flag.startswith("--load-model") for flag in flags)


def test_traces_go_where_the_settings_say(installation: Installation) -> None:
    url = "http://collector:4318/v1/traces"
    flags = command(TritonSettings(otlp_http_endpoint=url), installation)
    assert f"--trace-config=opentelemetry,url={url}" in flags
    assert not any(flag.startswith("--trace") for flag in command(TritonSettings(), installation))


def test_the_stub_finds_its_interpreter_and_libraries_first(installation: Installation) -> None:
    made = triton_environment(installation, Path("/run/here"), {"PATH": "/bin", "LD_LIBRARY_PATH": "/theirs"})
    assert made["PATH"] == f"{installation.environment}/bin:/bin"
    assert made["LD_LIBRARY_PATH"] == f"/run/here/lib:/python/lib:{installation.libraries}:/theirs"


def test_the_stub_runs_the_environments_own_python_not_a_bundled_one(tmp_path: Path) -> None:
    installation = Installation(tmp_path, tmp_path / "packages", "3.13", (tmp_path / "lib",))
    own = tmp_path / "lib/libpython3.13.so.1.0"
    for file in (own, installation.libraries / "libpython3-419a3a08.13.so.1.0", installation.libraries / "libz.so"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    run_directory = tmp_path / "run"
    run_directory.mkdir()
    replace_bundled_python(installation, run_directory)
    links = {path.name: path.resolve() for path in (run_directory / "lib").iterdir()}
    assert links == {"libpython3-419a3a08.13.so.1.0": own}


def test_our_settings_and_packages_stay_with_us(installation: Installation) -> None:
    ours = {"SENSORIUM_KEY": "secret", "PYTHONPATH": "/ours", "VIRTUAL_ENV": "/ours", "LANG": "C"}
    made = triton_environment(installation, Path("/run/here"), ours)
    assert made.keys() == {"LANG", "PATH", "LD_LIBRARY_PATH"}


def test_ports_differ() -> None:
    ports = free_ports()
    assert len({ports.grpc, ports.http, ports.metrics}) == 3
    assert free_ports(8001).grpc == 8001


def test_an_installation_for_the_processor_alone_takes_the_cpu_config(installation: Installation) -> None:
    assert choose_config(installation) == "cpu"


@pytest.fixture
def shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(guard, "SHARED_MEMORY", tmp_path)
    return tmp_path


def test_a_sweep_takes_what_dead_processes_left_and_nothing_else(shared_memory: Path) -> None:
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    dead = shared_memory / f"sensorium-triton-{namespace}-{2**22 + 1}-abcregion"
    others = [
        shared_memory / f"sensorium-triton-{namespace}-{os.getpid()}-abcregion",
        shared_memory / f"sensorium-triton-{namespace + 1}-{2**22 + 1}-abcregion",
        shared_memory / "somebody",
    ]
    for region in (dead, *others):
        region.touch()
    sweep()
    assert set(shared_memory.iterdir()) == set(others)


def test_the_package_carries_the_onnxruntime_backend() -> None:
    folder = Path(launcher.__file__).parent / "backends/onnxruntime"
    assert {"model.py", "numpy_two.py"} <= {path.name for path in folder.iterdir()}
