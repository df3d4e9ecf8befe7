"""The roles of one mesh as processes of their own, over a stand-in for Triton: any may be killed, stopped, replaced."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mesh_process import MeshProcess

# Hanging backends are noticed in moments, so that tests need not wait for what operators do.
IMPATIENT = {
    "SENSORIUM_MESH__PING_SECONDS": "0.5",
    "SENSORIUM_MESH__PING_TIMEOUT_SECONDS": "1",
    "SENSORIUM_GRPC__MIN_PING_SECONDS": "0.2",
    "SENSORIUM_GRPC__NOTICE_SECONDS": "0.3",
    "SENSORIUM_TRITON__PROBE_INTERVAL_SECONDS": "0.3",
    "SENSORIUM_TRITON__PROBE_TIMEOUT_SECONDS": "1",
}


class RoleProcesses:
    """Processes by name (`embed`, `embed2`, …); each keeps its address and its folder when it is started again.

    Args:
        folder: Holds a folder for each.
        triton: The address of an inference server.
    """

    def __init__(self, folder: Path, triton: str) -> None:
        self._folder = folder
        self._triton = triton
        self._settings: dict[str, tuple[str, dict[str, str]]] = {}
        self.running: dict[str, MeshProcess] = {}

    def start(self, name: str, role: str, **environment: str) -> MeshProcess:
        """Start a process of `role` without waiting for it."""
        (self._folder / name).mkdir(exist_ok=True)
        self._settings[name] = role, environment
        common = {**IMPATIENT, "SENSORIUM_TRITON__TARGET": self._triton, **environment}
        self.running[name] = MeshProcess.start(self._folder / name, "--role", role, **common)
        return self.running[name]

    def start_again(self, name: str) -> MeshProcess:
        """Start a process that has ended, at the address that it had, without waiting for it."""
        role, environment = self._settings[name]
        port = self.running[name].grpc_address.rpartition(":")[2]
        return self.start(name, role, **{**environment, "SENSORIUM_GRPC__PORT": port})

    def start_all(self, replicas: Sequence[str] = ("",), **environment: str) -> None:
        """Start one search role and of each other role as many as `replicas` name (`""`, `"2"`), wired as one mesh."""
        first = [self.start("search", "search", **environment)]
        first += [self.start(f"embed{each}", "embed", **environment) for each in replicas]
        wait_serving(first)
        there = {**self.targets("embed"), **environment}
        wait_serving([self.start(f"tag{each}", "tag", **there) for each in replicas])
        there |= self.targets("search", "tag")
        wait_serving([self.start(f"gateway{each}", "gateway", **there) for each in replicas])

    def targets(self, *roles: str) -> dict[str, str]:
        """Return the settings that name where `roles` are: all processes whose names begin so."""
        return {
            f"SENSORIUM_{role.upper()}__TARGET": "ipv4:" + ",".join(
                process.grpc_address for name, process in self.running.items() if name.startswith(role)
            )
            for role in roles
        }  # fmt: skip

    @property
    def address(self) -> str:
        """Where the gateways are."""
        return self.targets("gateway")["SENSORIUM_GATEWAY__TARGET"]


def wait_serving(processes: Sequence[MeshProcess]) -> None:
    """Wait until all serve."""
    for process in processes:
        process.wait_serving()


@contextmanager
def role_processes(folder: Path, triton: str) -> Iterator[RoleProcesses]:
    """Give processes to start, and end them all."""
    roles = RoleProcesses(folder, triton)
    try:
        yield roles
    finally:
        for process in reversed(list(roles.running.values())):
            process.process.send_signal(signal.SIGCONT)
            process.stop(signal.SIGKILL)
