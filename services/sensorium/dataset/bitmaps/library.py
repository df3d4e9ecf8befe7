"""Keeps the bitmaps of the versions that are asked about, and lets them follow the catalog before each answer.

They are made when a version is first asked about, and only ever from what is committed: every write marks the files
that it changes with the version's next change number, and an answer first takes in what has a later one than the last.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Row, select

from sensorium.dataset.bitmaps import loading
from sensorium.dataset.bitmaps.version_bitmaps import VersionBitmaps
from sensorium.dataset.tables import versions

# More changes than this are not waited for by others, who ask the catalog meanwhile.
MOST_CHANGES = 20_000


class KeptBitmaps:
    """The bitmaps of one version, and how far they have followed; to be used by one thread at a time.

    Attributes:
        lock: Held by whoever uses or changes them.
        ready: Whether they can be used, or brought up to date in little time.
        change: The change number that they have followed to.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ready = False
        self.change = 0
        self.bitmaps = VersionBitmaps()


class BitmapLibrary:
    """Lends the bitmaps of versions.

    Args:
        most_files: How many files the bitmaps may know, of all versions together; 0 keeps none.
    """

    def __init__(self, most_files: int) -> None:
        self._most_files = most_files
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, KeptBitmaps] = OrderedDict()

    @contextmanager
    def lent(self, sql: Connection, version: Row[Any]) -> Iterator[VersionBitmaps | None]:
        """Give the bitmaps of the version in row `version` as they are in the snapshot of `sql`, or later.

        None when they are just being made, or would be too large. The body should be short: others wait for it.
        """
        kept = self._kept_of(version) if version.file_count <= self._most_files else None
        if kept is None or not kept.lock.acquire(blocking=kept.ready):
            yield None
            return
        try:
            self._follow(sql, version.key, kept)
            yield kept.bitmaps
        finally:
            kept.lock.release()

    def forget(self, version: int) -> None:
        """Let go of the bitmaps of the version in row `version`."""
        with self._lock:
            self._kept.pop(version, None)

    def _kept_of(self, version: Row[Any]) -> KeptBitmaps:
        with self._lock:
            kept = self._kept.setdefault(version.key, KeptBitmaps())
            self._kept.move_to_end(version.key)
            total = version.file_count + sum(len(each.bitmaps) for each in self._kept.values() if each is not kept)
            while total > self._most_files and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                total -= len(oldest.bitmaps)
            return kept

    def _follow(self, sql: Connection, version: int, kept: KeptBitmaps) -> None:
        """Bring bitmaps up to date. They may be ahead of the snapshot already, never behind it."""
        now = sql.execute(select(versions.c.changes).where(versions.c.key == version)).scalar_one()
        if kept.ready and now <= kept.change:
            return
        try:
            kept.ready = kept.ready and loading.changes(sql, version, kept.change, MOST_CHANGES) < MOST_CHANGES
            if kept.ready:
                loading.follow(sql, version, kept.bitmaps, kept.change)
            else:
                kept.bitmaps = VersionBitmaps()
                loading.fill(sql, version, kept.bitmaps)
        except BaseException:
            kept.ready = False  # They may be changed in part.
            raise
        kept.change, kept.ready = now, True
