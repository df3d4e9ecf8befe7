"""Proves on a bare Debian, made with debootstrap, that the two commands set it up, serve and pass their tests.

Takes minutes and needs root, so it runs by itself: `pytest tests/fresh -s`. Another release than bookworm is named in
SENSORIUM_FRESH_SUITE.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITE = os.environ.get("SENSORIUM_FRESH_SUITE", "bookworm")
SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
# How this machine reaches its registries; a file that is not here is not needed there.
NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
CERTIFICATES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

# A namespace of its own: its mounts and processes end with it.
ENTER = """
mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/dev/shm" && mount -t proc proc "$0/proc" &&
exec chroot "$0" sh -c 'cd /src && exec sh tests/fresh/inside.sh'
"""


def debootstrap(folder: Path) -> None:
    """Make a minimal Debian from the mirror that this machine itself uses."""
    mirror = re.findall(r"^URIs: *(\S+)", SOURCES.read_text(), re.MULTILINE)[0]
    include = "--include=python3,git,make,ca-certificates"
    subprocess.run(["debootstrap", "--variant=minbase", include, SUITE, folder, mirror], check=True)


def connect(folder: Path) -> None:
    """Give the root this machine's way to the registries."""
    files = {*NETWORK, *(os.environ[name] for name in CERTIFICATES if name in os.environ)}
    for file in map(Path, files):
        if file.is_file():
            there = folder / file.relative_to("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, there)
    for file in Path("/etc/apt/apt.conf.d").iterdir():
        shutil.copyfile(file, folder / "etc/apt/apt.conf.d" / file.name)


def copy_checkout(folder: Path) -> None:
    """Copy what git tracks, or would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, map(os.fsdecode, names.split(b"\0"))):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make and enter a root")
@pytest.mark.skipif(not shutil.which("debootstrap") or not SOURCES.exists(), reason="needs Debian with debootstrap")
@pytest.mark.timeout(1800)
def test_the_two_commands_work_on_a_bare_debian(tmp_path: Path) -> None:
    folder = tmp_path / "root"
    debootstrap(folder)
    connect(folder)
    copy_checkout(folder / "src")
    subprocess.run(["unshare", "--mount", "--pid", "--fork", "sh", "-c", ENTER, folder], check=True)
