"""Remembers what the catalog knows of a version's files, in a few bytes for each, so that a listing is compared fast.

Of a file its key is kept, and 64 bits of a hash of its URI and fingerprint; two files of a million are taken for each
other once in thirty million imports.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyroaring import BitMap64
from sqlalchemy import select

from sensorium.dataset.storages.file_store import ListedFile
from sensorium.dataset.tables import files
from sensorium.model.dataset_file import FileStatus
from sensorium.storage.store import Store

PAGE = 10_000

Array = np.ndarray[tuple[int], np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Compared:
    """What a batch of a listing is to the catalog.

    Attributes:
        keys: Of the files that are as the catalog has them.
        before: How many of these were so before this job.
        fresh: The files that are new or changed.
    """

    keys: list[int]
    before: int
    fresh: list[ListedFile]


class KnownFiles:
    """The active files of a version, as they were when a job began or went on.

    Args:
        marks: int64, hashes of URI and fingerprint, in ascending order.
        keys: int64, the key of each.
        mine: bool, whether this job has registered it.
    """

    def __init__(self, marks: Array, keys: Array, mine: Array) -> None:
        self._marks = marks
        self._keys = keys
        self._mine = mine

    def compared(self, listed: Sequence[ListedFile]) -> Compared:
        """Compare some files."""
        marks = np.fromiter((hash((each.uri, each.fingerprint)) for each in listed), np.int64, len(listed))
        if not len(self._marks):
            return Compared([], 0, list(listed))
        places = np.minimum(np.searchsorted(self._marks, marks), len(self._marks) - 1)
        same = self._marks[places] == marks
        found = places[same]
        fresh = [each for each, is_same in zip(listed, same.tolist(), strict=True) if not is_same]
        return Compared(self._keys[found].tolist(), int(np.count_nonzero(~self._mine[found])), fresh)

    def unseen(self, seen: BitMap64) -> list[int]:
        """Return the keys of all files but those in `seen`."""
        return list(BitMap64(self._keys.tolist()) - seen)


async def known_files(store: Store, version: int, begun: str = "") -> KnownFiles:
    """Read what the catalog knows of the version in row `version`.

    Some of it may be of the job with the id `begun`, when that goes on; empty for none.
    """
    marks, keys = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    active = (files.c.version == version) & (files.c.status == FileStatus.ACTIVE.value)
    after = ""
    while True:
        page = select(files.c.uri, files.c.fingerprint, files.c.key).where(active, files.c.uri > after)
        page = page.order_by(files.c.uri).limit(PAGE)
        rows = await store.read(lambda sql, page=page: sql.execute(page).all())  # type: ignore[misc]
        if not rows:
            break
        after = rows[-1][0]
        marks.append(np.fromiter((hash((uri, fingerprint)) for uri, fingerprint, _ in rows), np.int64, len(rows)))
        keys.append(np.fromiter((key for _, _, key in rows), np.int64, len(rows)))
    registered = select(files.c.key).where(active, files.c.import_job == begun)
    mine = await store.read(lambda sql: sql.execute(registered).scalars().all()) if begun else []
    every = np.concatenate(marks)
    order = np.argsort(every)
    ordered = np.concatenate(keys)[order]
    return KnownFiles(every[order], ordered, np.isin(ordered, np.array(mine, np.int64)))
