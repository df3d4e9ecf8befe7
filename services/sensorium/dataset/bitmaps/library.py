"""Keeps the bitmaps of the versions that are asked about, and lets them follow the catalog before each answer.

They are made when a version is first asked about, and only ever from what is committed: every write marks the files
that it changes with the version's next change number, and an answer first takes in what has a later one than the last.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Row, select

from sensorium.dataset.bitmaps import loading
from sensorium.dataset.bitmaps.arrays import Arrays
from sensorium.dataset.bitmaps.shelf import BitmapShelf
from sensorium.dataset.bitmaps.version_bitmaps import VersionBitmaps
from sensorium.dataset.tables import versions

# More changes than this are not waited for by others, who ask the catalog meanwhile.
MOST_CHANGES = 20_000
# Smaller versions are read again in no time.
LEAST_KEPT = 10_000
# Bitmaps are kept again when so much of their files has changed, but not more often than this.
KEPT_SHARE = 0.02
KEPT_SECONDS = 60.0


class KeptBitmaps:
    """The bitmaps of one version, and how far they have followed; to be used by one thread at a time.

    Attributes:
        lock: Held by whoever uses or changes them.
        ready: Whether they can be used, or brought up to date in little time.
        change: The change number that they have followed to.
        bitmaps: None when they are to be made.
        unkept: How many files they have taken in since they were last copied to be kept.
        kept_until: When they may be kept again, on `time.monotonic`'s clock.
    """

    def __init__(self, *, ready: bool) -> None:
        self.lock = threading.Lock()
        self.ready = ready
        self.change = 0
        self.bitmaps: VersionBitmaps | None = None
        self.unkept = 0
        self.kept_until = 0.0

    @property
    def size(self) -> int:
        """How many files they know."""
        return len(self.bitmaps) if self.bitmaps else 0


class BitmapLibrary:
    """Lends the bitmaps of versions.

    Args:
        most_files: How many files the bitmaps may know, of all versions together; 0 keeps none.
        shelf: Where bitmaps are found that were made before.
    """

    def __init__(self, most_files: int, shelf: BitmapShelf) -> None:
        self._most_files = most_files
        self._shelf = shelf
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, KeptBitmaps] = OrderedDict()

    @contextmanager
    def lent(
        self, sql: Connection, version: Row[Any], attributes: Collection[str] = ()
    ) -> Iterator[VersionBitmaps | None]:
        """Give the bitmaps of the version in row `version` as they are in the snapshot of `sql`, or later.

        With columns of the attributes with some keys, if that can be done; what is asked of them is read once.
        None when they are just being made, or would be too large. The body should be short: others wait for it.
        """
        kept = self._kept_of(version) if version.file_count <= self._most_files else None
        if kept is None or not kept.lock.acquire(blocking=kept.ready):
            yield None
            return
        try:
            yield self._followed(sql, version.key, kept, attributes)
        finally:
            kept.lock.release()

    def forget(self, version: int) -> None:
        """Let go of the bitmaps of the version in row `version`."""
        with self._lock:
            self._kept.pop(version, None)
        self._shelf.forget(version)

    def worth_keeping(self) -> list[int]:
        """Return the rows of the versions whose bitmaps should be kept again."""
        with self._lock:
            kept, now = dict(self._kept), time.monotonic()
        large = {version: each for version, each in kept.items() if each.size >= LEAST_KEPT and now >= each.kept_until}
        return [version for version, each in large.items() if each.unkept >= KEPT_SHARE * each.size]

    def copied(self, version: int) -> tuple[Arrays, int] | None:
        """Return what the bitmaps of a version know, and the change number that they have followed to.

        None when there are none any more.
        """
        with self._lock:
            kept = self._kept.get(version)
        if kept is None:
            return None
        with kept.lock:
            if kept.bitmaps is None:
                return None
            kept.unkept, kept.kept_until = 0, time.monotonic() + KEPT_SECONDS
            return kept.bitmaps.arrays(), kept.change

    def _kept_of(self, version: Row[Any]) -> KeptBitmaps:
        with self._lock:
            kept = self._kept.get(version.key)
            if kept is None:
                kept = self._kept[version.key] = KeptBitmaps(ready=self._shelf.has(version.key))
            self._kept.move_to_end(version.key)
            total = version.file_count + sum(each.size for each in self._kept.values() if each is not kept)
            while total > self._most_files and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                total -= oldest.size
            return kept

    def _followed(
        self, sql: Connection, version: int, kept: KeptBitmaps, attributes: Collection[str]
    ) -> VersionBitmaps:
        """Bring bitmaps up to date. They may be ahead of the snapshot already, never behind it."""
        now = sql.execute(select(versions.c.changes).where(versions.c.key == version)).scalar_one()
        if kept.bitmaps is None or now > kept.change:
            self._follow(sql, version, kept, now)
        assert kept.bitmaps is not None  # noqa: S101
        # A snapshot that is behind does not say what files have now.
        if now == kept.change and (lacking := kept.bitmaps.attributes.lacking(attributes)):
            kept.ready = False
            try:
                loading.fill_attributes(sql, version, kept.bitmaps, lacking)
            finally:
                kept.ready = True
        return kept.bitmaps

    def _follow(self, sql: Connection, version: int, kept: KeptBitmaps, now: int) -> None:
        bitmaps, kept.bitmaps = kept.bitmaps, None  # They may be changed in part when this fails.
        try:
            bitmaps = self._made(sql, version, kept, bitmaps)
        except BaseException:
            kept.ready = False
            raise
        kept.bitmaps, kept.change, kept.ready = bitmaps, now, True

    def _made(self, sql: Connection, version: int, kept: KeptBitmaps, bitmaps: VersionBitmaps | None) -> VersionBitmaps:
        if bitmaps is None and (found := self._shelf.take(sql, version)):
            bitmaps, kept.change = found
        if bitmaps is not None:
            changed = loading.changed(sql, version, kept.change)
            kept.ready = len(changed) < MOST_CHANGES
            if len(changed) <= len(bitmaps):
                loading.follow(sql, version, bitmaps, changed)
                kept.unkept += len(changed)
                return bitmaps
        kept.ready = False
        bitmaps = VersionBitmaps()
        loading.fill(sql, version, bitmaps)
        kept.unkept = len(bitmaps)
        return bitmaps
