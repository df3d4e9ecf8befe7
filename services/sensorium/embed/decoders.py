"""Decodes images and sounds in threads, several small files at a visit, as waking a thread is costly."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from sensorium.media.decoded import Decoded, Decoder

# More than this would make the files of a call wait for each other while another thread has nothing to do.
_VISIT_FILES = 8
_VISIT_BYTES = 512 << 10


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    decoder: Decoder
    encoded: bytes
    decoded: asyncio.Future[Decoded]

    def outcome(self) -> Decoded | Exception | None:
        """Return what becomes of it, in a thread; None when nobody waits for it."""
        if self.decoded.done():
            return None
        try:
            return self.decoder.decode(self.encoded)
        except Exception as error:
            return error

    def settle(self, outcome: Decoded | Exception | None) -> None:
        """Tell who waits, if somebody still does."""
        if outcome is None or self.decoded.done():
            return
        if isinstance(outcome, Decoded):
            self.decoded.set_result(outcome)
        else:
            self.decoded.set_exception(outcome)


class Decoders:
    """Threads that decode; what asks in one turn of the loop shares visits to them."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decoder")
        self._arrived: list[_File] = []

    def close(self) -> None:
        """End the threads; what has not begun is cancelled."""
        for file in self._arrived:
            file.decoded.cancel()
        self._arrived.clear()
        self._pool.shutdown(cancel_futures=True)

    async def decode(self, decoder: Decoder, encoded: bytes) -> Decoded:
        """Return what `decoder` makes of a file.

        Raises:
            InvalidArgument: The decoder's.
        """
        loop = asyncio.get_running_loop()
        if not self._arrived:
            loop.call_soon(self._leave, loop)
        file = _File(decoder, encoded, loop.create_future())
        self._arrived.append(file)
        return await file.decoded

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        arrived, self._arrived = self._arrived, []
        most = min(_VISIT_FILES, max(1, len(arrived) // self._threads))
        for visit in _visits(arrived, most):
            loop.run_in_executor(self._pool, _outcomes, visit).add_done_callback(partial(_settle, visit))


def _visits(files: Sequence[_File], most: int) -> Iterator[list[_File]]:
    visit: list[_File] = []
    size = 0
    for file in files:
        if visit and (len(visit) == most or size + len(file.encoded) > _VISIT_BYTES):
            yield visit
            visit, size = [], 0
        visit.append(file)
        size += len(file.encoded)
    if visit:
        yield visit


def _outcomes(files: Sequence[_File]) -> list[Decoded | Exception | None]:
    return [file.outcome() for file in files]


def _settle(files: Sequence[_File], outcomes: "asyncio.Future[list[Decoded | Exception | None]]") -> None:
    if outcomes.cancelled():
        for file in files:
            file.decoded.cancel()
        return
    for file, outcome in zip(files, outcomes.result(), strict=True):
        file.settle(outcome)
