"""Stamps: small files beside a large one that save reading it again to know that it is whole."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

CHUNK_BYTES = 1 << 20

ByteCount = Callable[[int], None]  # told the bytes done so far


@dataclass(frozen=True, slots=True)
class Stamp:
    """What was true of a file when its content was last checked.

    Attributes:
        recipe: What the file was made from; another recipe makes the file stale.
        sha256: Of its content, in hexadecimal.
    """

    recipe: str
    sha256: str
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path, recipe: str, sha256: str) -> Self:
        """Return the stamp of a file whose hash is known."""
        status = path.stat()
        return cls(recipe, sha256, status.st_size, status.st_mtime_ns)

    def write(self, path: Path) -> None:
        """Keep the stamp beside its file."""
        _stamp_path(path).write_text(json.dumps(asdict(self)), encoding="utf-8")


def read_stamp(path: Path) -> Stamp | None:
    """Return the stamp of a file, or None where it has none that can be read."""
    try:
        return Stamp(**json.loads(_stamp_path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_current(path: Path, recipe: str, progress: ByteCount = lambda _: None) -> bool:
    """Return whether the file is whole and made by `recipe`, reading it only when size or time have changed."""
    stamp = read_stamp(path)
    if stamp is None or stamp.recipe != recipe or not path.is_file():
        return False
    if Stamp.of(path, recipe, stamp.sha256) == stamp:
        return True
    if hash_file(path, progress) != stamp.sha256:
        return False
    Stamp.of(path, recipe, stamp.sha256).write(path)
    return True


def hash_file(path: Path, progress: ByteCount = lambda _: None) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            progress(done)
    return digest.hexdigest()


def _stamp_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.stamp")
