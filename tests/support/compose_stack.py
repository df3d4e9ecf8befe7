"""The repository's docker-compose.yml, run as a user runs it, with stand-ins for the images that cannot be pulled."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from private_docker import PrivateDocker

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("gateway", "embed", "tag", "search", "dataset", "triton")
CERTIFICATES = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
PATIENCE = 180.0
_FILES = ("-f", "docker-compose.yml", "-f", "tests/containers/compose.yml")


@dataclass(frozen=True)
class ComposeStack:
    """The services of the compose file."""

    docker: PrivateDocker
    settings: dict[str, str]

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """Run `docker compose` with these arguments and return what it printed."""
        files = _FILES if not arguments[0].startswith("-f") else ()
        place = ("--project-directory", str(ROOT), "--ansi", "never")
        absolute = [str(ROOT / each) if each.endswith(".yml") else each for each in files]
        return self.docker.run("compose", *place, *absolute, *arguments, check=check, **self.settings)

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        return self("ps", "--all", "--quiet", service)

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what Docker knows of a service's container."""
        found: dict[str, Any] = json.loads(self.docker.run("inspect", self.container(service)))[0]
        return found

    def health(self, service: str) -> str:
        """Return `starting`, `healthy` or `unhealthy`."""
        return str(self.inspect(service)["State"]["Health"]["Status"])

    def address(self, port: int = 50051) -> str:
        """Return where the gateway is reached from this machine: its gRPC port, or 8080 for HTTP."""
        return self("port", "gateway", str(port))

    def wait(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait until something holds; AssertionError shows the end of the logs."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, f"never {what}; the logs end with\n{self('logs', '--tail', '20')}"
            time.sleep(0.2)


@contextmanager
def compose_stack(docker: PrivateDocker, folder: Path) -> Iterator[ComposeStack]:
    """Build the images for the body; what it starts is taken down after it."""
    index = folder / "index"
    index.write_text(package_index())
    stack = ComposeStack(
        docker,
        {
            "SENSORIUM_BUILD_NETWORK": "host",
            "SENSORIUM_BUILD_CA": str(CERTIFICATES) if CERTIFICATES.is_file() else "/dev/null",
            "SENSORIUM_BUILD_INDEX": str(index),
            "SENSORIUM_PUBLISH": "127.0.0.1:",  # a free port
            "SENSORIUM_PUBLISH_HTTP": "127.0.0.1:",
        },
    )
    try:
        stack("build", "--quiet")
        yield stack
    finally:
        stack("down", "--volumes", "--timeout", "1", check=False)


def package_index() -> str:
    """Return the package index that pip is configured with here, as the build's secret names it; empty for PyPI."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    settings = dict(line.split("=", 1) for line in listed.splitlines() if "=" in line)
    indexes = [value.strip("'\"") for name, value in settings.items() if name.endswith(".index-url")]
    return "".join(f"UV_DEFAULT_INDEX={url}\nPIP_INDEX_URL={url}\n" for url in indexes[-1:])
