"""Callers of every kind at once, who note how their calls end and whether the answers are right."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sensorium import AsyncClient, Document, TagDefinitionSpec, TagSpec, context
from sensorium.context import CallContext
from sensorium.errors import SensoriumError
from sensorium.model.content import Content
from sensorium.model.document import Document as StoredDocument
from sensorium.model.names import CollectionName
from sensorium.model.search import UpsertRequest
from sensorium.rpc.channel import Channel, open_channel
from sensorium.search.client import SearchClient
from sensorium.v1 import types_pb2 as pb
from sensorium.v1.embed_service_pb2 import EmbedRequest, StreamEmbedRequest
from sensorium.v1.embed_service_pb2_grpc import EmbedServiceStub

COLLECTION = "traffic"
DEFINITION = TagDefinitionSpec((TagSpec("bicycle"), TagSpec("car")))
PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 45.0
_numbers = itertools.count()


def text_of(document_id: str) -> str:
    """Return the text of a document, which no other has."""
    return f"report number {document_id} of the traffic"


@dataclass
class Traffic:
    """What came of the calls so far.

    Attributes:
        acknowledged: Ids of the documents whose write was answered.
        succeeded: How many calls of each kind were answered.
        errors: How the others ended, by kind.
    """

    client: AsyncClient
    channel: Channel
    seconds: float
    acknowledged: list[str] = field(default_factory=list)
    succeeded: Counter[str] = field(default_factory=Counter)
    errors: dict[str, list[SensoriumError]] = field(default_factory=dict)
    _progress: asyncio.Event = field(default_factory=asyncio.Event)

    async def flows(self, *kinds: str) -> None:
        """Wait until two more calls of each of `kinds`, or of every kind, were answered: the second began after now."""
        wanted = {kind: self.succeeded[kind] + 2 for kind in kinds or KINDS}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(self.succeeded[kind] < count for kind, count in wanted.items()):
                self._progress.clear()
                await self._progress.wait()

    async def fails(self, *kinds: str) -> None:
        """Wait until one more call of each of `kinds` has failed."""
        wanted = {kind: len(self.errors.get(kind, ())) for kind in kinds}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(len(self.errors.get(kind, ())) <= count for kind, count in wanted.items()):
                self._progress.clear()
                await self._progress.wait()

    @property
    def codes(self) -> set[str]:
        """The errors of all calls, by the names of their classes."""
        return {type(error).__name__ for errors in self.errors.values() for error in errors}

    async def keep(self, kind: str, call: Callable[["Traffic"], Awaitable[None]]) -> None:
        """Make one call after another, for ever; an answer that is wrong ends it."""
        while True:
            try:
                with context.opened(CallContext(deadline=time.monotonic() + self.seconds)):
                    await call(self)
                self.succeeded[kind] += 1
            except SensoriumError as error:
                self.errors.setdefault(kind, []).append(error)
            self._progress.set()
            await asyncio.sleep(PAUSE_SECONDS)

    async def check_all_is_there(self) -> None:
        """Look for every acknowledged document, in the store and by search."""
        acknowledged = self.acknowledged[-1000:]
        for found in await self.client.get_many(COLLECTION, acknowledged):
            assert isinstance(found, Document), found
        for document_id in acknowledged[:: max(1, len(acknowledged) // 5)]:
            await _find(self.client, document_id)


async def _find(client: AsyncClient, document_id: str) -> None:
    hits = await client.search(COLLECTION, text_of(document_id), top_k=1)
    assert [hit.document.id for hit in hits] == [document_id]


async def _write(traffic: Traffic) -> None:
    ids = [f"d{next(_numbers)}" for _ in range(3)]
    report = await traffic.client.upsert(COLLECTION, [Document(each, text=text_of(each)) for each in ids])
    failed = {each.id for each in report.errors}
    traffic.acknowledged += [each for each in ids if each not in failed]
    report.raise_for_errors()


async def _search(traffic: Traffic) -> None:
    if traffic.acknowledged:
        await _find(traffic.client, traffic.acknowledged[-1])


async def _tag(traffic: Traffic) -> None:
    await traffic.client.tag(DEFINITION, text_of("tag"))


async def _embed_stream(traffic: Traffic) -> None:
    async def batches() -> AsyncIterator[StreamEmbedRequest]:
        for number in range(4):
            content = pb.Content(parts=[pb.Part(text=text_of(f"stream {number}"))])
            yield StreamEmbedRequest(request=EmbedRequest(contents=[content] * 8))

    answers = EmbedServiceStub(traffic.channel).StreamEmbed(batches())
    assert [len(answer.response.results) async for answer in answers] == [8] * 4


async def _write_stream(traffic: Traffic) -> None:
    sent = [[f"s{next(_numbers)}" for _ in range(4)] for _ in range(4)]

    async def batches() -> AsyncIterator[UpsertRequest]:
        for batch in sent:
            stored = tuple(StoredDocument(each, Content.of_text(text_of(each))) for each in batch)
            yield UpsertRequest(CollectionName("default", COLLECTION), stored)

    unanswered = iter(sent)
    async for response in SearchClient(traffic.channel).upsert_stream(batches()):
        outcomes = dict(zip(next(unanswered), response.outcomes, strict=True))
        traffic.acknowledged += [each for each, error in outcomes.items() if error is None]
        for error in filter(None, outcomes.values()):
            raise error
    assert list(unanswered) == []


KINDS = {"write": _write, "search": _search, "tag": _tag, "embed stream": _embed_stream, "write stream": _write_stream}


@asynccontextmanager
async def traffic(address: str, seconds: float = 2.0) -> AsyncIterator[Traffic]:
    """Run callers of every kind while the block is open; each call may take `seconds`."""
    async with AsyncClient(address, timeout=seconds) as client, open_channel(address) as channel:
        running = Traffic(client, channel, seconds)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(running.keep(kind, call)) for kind, call in KINDS.items()]
            await running.flows()
            yield running
            for task in tasks:
                task.cancel()
