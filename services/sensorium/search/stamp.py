"""The stamp of an index on disk: what it was made by and for, how far it is, and whether its files are whole."""

import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

# 2: the fields of filters lie beside the vectors. 3: numbers and times have indexes for ranges.
FORMAT = 3
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is known of an index.

    Attributes:
        engine: The engine and its version; another version makes the index anew.
        space: The collection's uid, dimension and metric.
        applied_seq: The files hold every change up to this sequence number.
        files: Size and CRC-32 of each file when the index was closed; empty while it is open.
        format: The format of the directory.
    """

    engine: str
    space: str
    applied_seq: int
    files: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    format: int = FORMAT


def read(file: Path) -> Stamp | None:
    """Return the stamp in `file`; None when there is none, or none that this release understands."""
    try:
        content = json.loads(file.read_text())
        files = {name: (int(size), int(crc)) for name, (size, crc) in content.pop("files").items()}
        stamp = Stamp(files=files, **content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return stamp if stamp.format == FORMAT else None


def write(file: Path, stamp: Stamp) -> None:
    """Write `stamp` to `file` so that after any crash the old or the new one is there."""
    draft = file.with_suffix(".draft")
    with draft.open("w") as stream:
        json.dump(asdict(stamp), stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
    sync(file.parent)


def sync(path: Path) -> None:
    """Bring a file or a directory to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(directory: Path) -> None:
    """Bring all below `directory` to disk; what its owner replaces meanwhile is found at the next look."""
    synced: set[str] = set()
    while fresh := _paths(directory) - synced:
        for path in fresh:
            with suppress(FileNotFoundError):
                sync(Path(path))
        synced |= fresh


def fingerprints(directory: Path) -> dict[str, tuple[int, int]]:
    """Return size and CRC-32 of every file below `directory`, by relative name."""
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): (path.stat().st_size, _crc(path)) for path in found}


def _paths(directory: Path) -> set[str]:
    # os.walk passes over folders that vanish while it walks.
    walked = os.walk(directory)
    return {os.path.join(folder, name) for folder, folders, files in walked for name in (*folders, *files)}  # noqa: PTH118


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            crc = zlib.crc32(block, crc)
    return crc
