"""Copies a data directory while it is in use, and brings a copy back: the truth alone, for indexes can be made again.

Databases are copied by SQLite's online backup (https://www.sqlite.org/backup.html), each as it is at one moment. A
manifest of SHA-256 sums, written last, tells a whole copy from one that was cut short.
"""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from sensorium.errors import AlreadyExists, DataLoss, FailedPrecondition, NotFound

MANIFEST = "manifest.json"
FORMAT = 1
# Files that stand beside databases and are part of the truth: snapshots, which are written once.
_KEPT = ("search/snapshots/**/*.sqlite3",)
_PAGES = 4096
_BLOCK = 1 << 20

OnFile = Callable[[str, int], None]


def back_up(data_dir: Path, target: Path, on_file: OnFile) -> int:
    """Copy `data_dir` to the new directory `target`; return how many bytes that are.

    Args:
        data_dir: May be in use.
        target: Is made; must not exist.
        on_file: Called with name and size of each file that is copied.

    Raises:
        NotFound: `data_dir` holds no database.
        AlreadyExists: `target` exists.
    """
    databases = sorted(data_dir.glob("*.sqlite3"))
    if not databases:
        raise NotFound(f"{data_dir} holds no database", metadata={"file": str(data_dir)})
    _make(target)
    sums = {}
    for file in (*databases, *_kept(data_dir)):
        name = file.relative_to(data_dir).as_posix()
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        _copy_database(file, copy) if file in databases else shutil.copyfile(file, copy)
        sums[name] = _digest(copy)
        on_file(name, copy.stat().st_size)
    (target / MANIFEST).write_text(json.dumps({"format": FORMAT, "files": sums}, indent=1) + "\n")
    return sum((target / name).stat().st_size for name in sums)


def bring_back(source: Path, data_dir: Path, on_file: OnFile) -> int:
    """Copy a backup to the new data directory `data_dir`; return how many bytes that are.

    Raises:
        FailedPrecondition: `source` is no backup, or one of a later release.
        DataLoss: A file of it is missing or damaged; nothing was made.
        AlreadyExists: `data_dir` exists and is not empty.
    """
    sums = _manifest(source)
    for name, expected in sums.items():
        file = source / name
        if not file.is_file() or _digest(file) != expected:
            raise DataLoss(f"{file} is missing or damaged", metadata={"file": str(file)})
    if data_dir.exists() and any(data_dir.iterdir()):
        raise AlreadyExists(f"{data_dir} exists and is not empty", metadata={"resource": str(data_dir)})
    for name in sums:
        copy = data_dir / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, copy)
        on_file(name, copy.stat().st_size)
    return sum((data_dir / name).stat().st_size for name in sums)


def _make(target: Path) -> None:
    try:
        target.mkdir(parents=True)
    except FileExistsError:
        raise AlreadyExists(f"{target} exists", metadata={"resource": str(target)}) from None


def _kept(data_dir: Path) -> Iterator[Path]:
    for pattern in _KEPT:
        yield from sorted(data_dir.glob(pattern))


def _copy_database(file: Path, copy: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            # Held to one moment: a writer would otherwise let the copy begin again, for as long as it writes.
            source.execute("BEGIN")
            source.execute("SELECT 1 FROM sqlite_master").fetchone()
            source.backup(target, pages=_PAGES)
    except sqlite3.DatabaseError as error:
        raise DataLoss(f"{file} cannot be read: {error}", metadata={"file": str(file)}) from error


def _manifest(source: Path) -> Mapping[str, str]:
    try:
        found = json.loads((source / MANIFEST).read_text())
        known, sums = found["format"] == FORMAT, dict(found["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FailedPrecondition(
            f"{source} is no whole backup: {MANIFEST} is missing or damaged", metadata={"file": str(source)}
        ) from error
    if not known or any(Path(name).is_absolute() or ".." in Path(name).parts for name in sums):
        raise FailedPrecondition(f"{source} is of a later release", metadata={"file": str(source)})
    return sums


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        found = hashlib.sha256()
        while block := stream.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
