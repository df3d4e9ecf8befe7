"""Decodes images and sounds in threads, several small files in one chunk, as waking a thread is costly."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from sensorium.embed.work import shutting_down
from sensorium.media.decoded import Decoded, Decoder

# More than this would make the files of a call wait for each other while another thread has nothing to do.
_CHUNK_FILES = 8
_CHUNK_BYTES = 512 << 10


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
    """Threads that decode; the files that come in one turn of the loop share chunks."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decoder")
        self._arrived: list[_File] = []
        self._closed = False

    def close(self) -> None:
        """End the threads; what has not begun is cancelled."""
        self._closed = True
        for file in self._arrived:
            file.decoded.cancel()
        self._arrived.clear()
        self._pool.shutdown(cancel_futures=True)

    async def decode(self, decoder: Decoder, encoded: bytes) -> Decoded:
        """Return what `decoder` makes of a file.

        Raises:
            InvalidArgument: The decoder's.
            Unavailable: The threads have ended.
        """
        if self._closed:
            raise shutting_down()
        loop = asyncio.get_running_loop()
        if not self._arrived:
            loop.call_soon(self._leave, loop)
        file = _File(decoder, encoded, loop.create_future())
        self._arrived.append(file)
        return await file.decoded

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        arrived, self._arrived = self._arrived, []
        most = min(_CHUNK_FILES, max(1, len(arrived) // self._threads))
        for chunk in _chunks(arrived, most):
            loop.run_in_executor(self._pool, _outcomes, chunk).add_done_callback(partial(_settle, chunk))


def _chunks(files: Sequence[_File], most: int) -> Iterator[list[_File]]:
    chunk: list[_File] = []
    size = 0
    for file in files:
        if chunk and (len(chunk) == most or size + len(file.encoded) > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(file)
        size += len(file.encoded)
    if chunk:
        yield chunk


def _outcomes(files: Sequence[_File]) -> list[Decoded | Exception | None]:
    return [file.outcome() for file in files]


def _settle(files: Sequence[_File], outcomes: "asyncio.Future[list[Decoded | Exception | None]]") -> None:
    if outcomes.cancelled():
        for file in files:
            file.decoded.cancel()
        return
    for file, outcome in zip(files, outcomes.result(), strict=True):
        file.settle(outcome)
