"""Makes the image that the Dockerfile stands on, for machines that reach a Debian mirror but no container registry."""

import re
import subprocess
import tempfile
from pathlib import Path

from private_docker import SOURCES, PrivateDocker

BASE = "python:3.11-slim-bookworm"
_PACKAGES = "python3,python3-venv,python3-pip,libpython3.11,ca-certificates"


def import_base_image(docker: PrivateDocker) -> None:
    """Make Debian with Python look like the official image of that name, and import it."""
    mirror = re.findall(r"^URIs: *(\S+)", SOURCES.read_text(), re.MULTILINE)[0]
    with tempfile.TemporaryDirectory(prefix="sensorium-base-") as folder:
        root = Path(folder) / "root"
        bootstrap = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", root, mirror]
        subprocess.run(bootstrap, check=True, stdout=subprocess.DEVNULL)
        # The official image's Python belongs to whoever uses the image, and not to apt.
        (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink()
        for name, program in {"python": "python3", "python3": "python3", "pip": "pip3"}.items():
            (root / "usr/local/bin" / name).symlink_to(f"/usr/bin/{program}")
        for archive in (root / "var/cache/apt/archives").glob("*.deb"):
            archive.unlink()
        with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
            command = ["docker", "import", "-c", 'CMD ["python3"]', "-", BASE]
            subprocess.run(command, env=docker.environment, stdin=tar.stdout, check=True, stdout=subprocess.DEVNULL)
        assert tar.returncode == 0
