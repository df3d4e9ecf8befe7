"""A Docker daemon of a test's own, in namespaces of its own: when it ends, so do its containers and its mounts."""

import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
START_SECONDS = 60.0
_PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "debootstrap": "debootstrap"}
# Debian 12 has neither plugin; those of Debian 13 run there.
_PLUGINS = {"compose": "docker-compose", "buildx": "docker-buildx"}


class NoDocker(Exception):
    """This machine cannot have a Docker daemon; says why."""


@dataclass(frozen=True)
class PrivateDocker:
    """A running daemon.

    Attributes:
        environment: What the `docker` command needs to find it.
        process: The process id of the daemon's namespaces.
    """

    environment: dict[str, str]
    process: int

    def run(self, *arguments: str, stdin: bytes | None = None, check: bool = True, **extra: str) -> str:
        """Run a `docker` command and return what it printed; its messages stand in the test's own."""
        ran = subprocess.run(
            ["docker", *arguments], env={**self.environment, **extra}, input=stdin, stdout=subprocess.PIPE, check=False
        )
        assert not check or ran.returncode == 0, f"docker {' '.join(arguments)} ended with {ran.returncode}"
        return ran.stdout.decode().strip()

    def kill(self, *containers: str) -> None:
        """Kill the first processes of containers with SIGKILL, as the kernel would, not as a person's `docker kill`."""
        processes = [self.run("inspect", "-f", "{{.State.Pid}}", container) for container in containers]
        subprocess.run(["nsenter", f"--target={self.process}", "--pid", "kill", "-9", *processes], check=True)


def check_possible() -> None:
    """Raise NoDocker where no daemon can be had."""
    if os.geteuid() != 0:
        raise NoDocker("only root can start a Docker daemon")
    if platform.machine() != "x86_64" or not shutil.which("apt-get") or not SOURCES.is_file():
        raise NoDocker("it needs Debian on x86-64, where apt-get brings Docker and debootstrap the base image")


@contextmanager
def private_docker() -> Iterator[PrivateDocker]:
    """Install what is missing and run a daemon for the body. Raises NoDocker."""
    check_possible()
    _install()
    with tempfile.TemporaryDirectory(prefix="sensorium-docker-") as made:
        folder = Path(made)
        with _daemon(folder) as process:
            config = folder / "config"
            environment = {
                **os.environ,
                "DOCKER_HOST": f"unix://{folder / 'docker.sock'}",
                "DOCKER_CONFIG": str(config),
            }
            _plug_in(folder, config, environment)
            yield PrivateDocker(environment, _first_child(process.pid))


def _install() -> None:
    missing = [package for program, package in _PACKAGES.items() if not shutil.which(program)]
    if missing:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing]
        subprocess.run(install, env=quiet, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _daemon(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run dockerd in namespaces that the kernel takes down with it, even when this process is killed."""
    own = ("setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
    # No firewall rules and no bridge beside those of the compose file: the machine is left as it was.
    apart = ("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false", "--bridge=none")
    places = (f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid")
    log = folder / "dockerd.log"
    with log.open("wb") as stream:
        command = [*own, "dockerd", *apart, *places, f"--host=unix://{folder}/docker.sock"]
        daemon = subprocess.Popen(command, stdout=stream, stderr=stream)
    try:
        _wait_until_it_listens(daemon, folder / "docker.sock", log)
        yield daemon
    finally:
        daemon.kill()
        daemon.wait()


def _wait_until_it_listens(daemon: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while subprocess.run(["docker", "-H", f"unix://{socket}", "version"], capture_output=True, check=False).returncode:
        if daemon.poll() is not None or time.monotonic() > end:
            raise NoDocker(f"dockerd does not start here:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def _first_child(process: int) -> int:
    return int(Path(f"/proc/{process}/task/{process}/children").read_text().split()[0])


def _plug_in(folder: Path, config: Path, environment: dict[str, str]) -> None:
    """Fetch the plugins that the `docker` command here does not have."""
    lacking = [
        package
        for plugin, package in _PLUGINS.items()
        if subprocess.run(["docker", plugin, "version"], env=environment, capture_output=True, check=False).returncode
    ]
    plugins = config / "cli-plugins"
    plugins.mkdir(parents=True)
    if lacking:
        for package in _downloaded(folder / "apt", lacking):
            subprocess.run(["dpkg", "-x", package, folder / "unpacked"], check=True)
        for plugin in (folder / "unpacked").glob("usr/libexec/docker/cli-plugins/*"):
            (plugins / plugin.name).symlink_to(plugin)


def _downloaded(folder: Path, packages: list[str]) -> list[Path]:
    """Download packages of Debian 13 from this machine's own mirror, past its apt configuration."""
    for part in ("etc", "lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    mirror = next(stanza for stanza in SOURCES.read_text().split("\n\n") if "-security" not in stanza)
    (folder / "etc/trixie.sources").write_text(re.sub(r"(?m)^Suites:.*$", "Suites: trixie", mirror) + "\n")
    places = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": folder / "etc",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
    }
    options = [part for name, value in places.items() for part in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", *options, "update", "-qq"], check=True)
    subprocess.run(["apt-get", *options, "download", "-qq", *packages], cwd=folder, check=True)
    return list(folder.glob("*.deb"))
