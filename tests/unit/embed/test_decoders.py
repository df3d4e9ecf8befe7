"""Threads that decode several files in one chunk."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from sensorium.embed.decoders import Decoders
from sensorium.errors import Unavailable
from sensorium.media.decoded import Decoded
from sensorium.media.faults import undecodable


@dataclass
class Recorder:
    """Decodes a file to its bytes, `bad` to an error; remembers in which thread, and waits where it is told to."""

    max_bytes: int = 1 << 20
    threads: dict[bytes, int] = field(default_factory=dict)
    blocked: threading.Event = field(default_factory=threading.Event)

    def decode(self, data: bytes) -> Decoded:
        """Return the bytes as a tensor."""
        self.threads[data] = threading.get_ident()
        if data == b"wait":
            self.blocked.wait(30)
        if data == b"bad":
            raise undecodable("is bad")
        return Decoded(np.frombuffer(data, np.uint8))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    made = Decoders(2)
    yield made
    made.close()


async def test_each_file_gets_what_became_of_it(decoders: Decoders, recorder: Recorder) -> None:
    files = [b"%d" % number for number in range(40)]
    files[7] = files[23] = b"bad"
    outcomes = await asyncio.gather(*(decoders.decode(recorder, file) for file in files), return_exceptions=True)
    for file, outcome in zip(files, outcomes, strict=True):
        if file == b"bad":
            assert isinstance(outcome, type(undecodable("")))
        else:
            assert isinstance(outcome, Decoded)
            assert outcome.tensor.tobytes() == file


async def test_a_file_that_takes_long_delays_those_of_its_chunk_alone(decoders: Decoders, recorder: Recorder) -> None:
    slow = asyncio.create_task(decoders.decode(recorder, b"wait"))
    await asyncio.sleep(0)
    await asyncio.gather(*(decoders.decode(recorder, b"%d" % number) for number in range(20)))
    assert not slow.done()
    recorder.blocked.set()
    await slow


async def test_what_nobody_waits_for_any_more_is_not_decoded(recorder: Recorder) -> None:
    decoders = Decoders(1)
    slow = asyncio.create_task(decoders.decode(recorder, b"wait"))
    await asyncio.sleep(0)
    given_up = asyncio.create_task(decoders.decode(recorder, b"given up"))
    await asyncio.sleep(0)
    given_up.cancel()
    recorder.blocked.set()
    await slow
    await decoders.decode(recorder, b"after")
    decoders.close()
    assert given_up.cancelled()
    assert set(recorder.threads) == {b"wait", b"after"}


async def test_large_files_are_shared_out_one_to_a_chunk(recorder: Recorder) -> None:
    decoders = Decoders(1)
    large = [bytes([number]) * (600 << 10) for number in range(3)]
    slow = asyncio.create_task(decoders.decode(recorder, b"wait"))
    waiting = [asyncio.create_task(decoders.decode(recorder, file)) for file in large]
    await asyncio.sleep(0)
    waiting[1].cancel()
    recorder.blocked.set()
    await slow
    await asyncio.gather(waiting[0], waiting[2])
    decoders.close()
    assert set(recorder.threads) == {b"wait", large[0], large[2]}


async def test_closing_cancels_what_waits(recorder: Recorder) -> None:
    decoders = Decoders(1)
    slow = asyncio.create_task(decoders.decode(recorder, b"wait"))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(decoders.decode(recorder, b"late"))
    await asyncio.sleep(0)
    threading.Timer(0.1, recorder.blocked.set).start()
    decoders.close()
    await slow
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(Unavailable):
        await decoders.decode(recorder, b"too late")
