"""Drives re-embeddings: the gateway alone has both the embedder and the documents.

A job is handed out by the search service, which keeps how far it is; whichever gateway drives it next goes on there.
Writing a document twice is harmless, so what was done since the last report may be done again.
"""

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

import structlog

from sensorium.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.model.collection import CollectionSpec
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import ModelInfo, Priority
from sensorium.model.job import CollectionJob, Driven, JobState, ReembedWork
from sensorium.model.names import AliasName, CollectionName
from sensorium.model.search import Selection, UpsertRequest
from sensorium.ports import Embedder, Searcher

log = structlog.get_logger(__name__)
T = TypeVar("T")
POLL_SECONDS = 2.0
# Less than a lease lasts, with a report after each call.
CALL_SECONDS = 20.0
BATCH_ITEMS = 64
PASSES = 2
_URI = re.compile(r"[a-z][a-z0-9+.-]*://\S+")


class _Ended(Exception):
    """The job has ended while it was driven: somebody cancelled it."""


class Reembedding:
    """Asks for re-embeddings and drives them, one at a time; works while its context is open.

    Args:
        embedder: Knows the models.
        searcher: Reads documents, and writes them with contents.
        poll_seconds: How long to wait when there is none.
    """

    def __init__(self, embedder: Embedder, searcher: Searcher, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._embedder = embedder
        self._searcher = searcher
        self._poll_seconds = poll_seconds
        self._driver = uuid.uuid4().hex
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                driven = await self._searcher.drive_job(self._driver)
                if driven:
                    await self._drive(driven)
                    continue
            except _Ended:
                continue
            except SensoriumError as error:  # The search service is away: another time, here or elsewhere.
                log.debug("jobs_not_driven", because=error.message)
            except Exception:
                log.exception("job_not_driven")
            await asyncio.sleep(self._poll_seconds)

    async def _drive(self, driven: Driven) -> None:
        match driven.job.work:
            case ReembedWork() as work:
                log.info("reembedding", job=str(driven.job.name), position=driven.position)
                ended = await _Reembedding(self._embedder, self._searcher, self._driver, driven, work).outcome()
                await self._searcher.drive_job(self._driver, Driven(ended, driven.position))


class _Reembedding:
    """One re-embedding, from where it was."""

    def __init__(self, embedder: Embedder, searcher: Searcher, driver: str, driven: Driven, work: ReembedWork) -> None:
        self._embedder = embedder
        self._searcher = searcher
        self._driver = driver
        self._work = work
        self._driven = replace(driven, job=replace(driven.job, state=JobState.RUNNING))
        self._source = driven.job.name.collection
        self._target = CollectionName(self._source.workspace, work.collection_id)

    async def outcome(self) -> CollectionJob:
        """Return the job as it ended.

        Raises:
            Unavailable: The search service is away; another time.
        """
        try:
            await self._run()
        except (Unavailable, DeadlineExceeded):
            raise
        except SensoriumError as error:
            return replace(self._driven.job, state=JobState.FAILED, error=error)
        return replace(self._driven.job, state=JobState.SUCCEEDED)

    async def _run(self) -> None:
        model = await self._patiently(lambda: self._embedder.model(self._work.model))
        await self._patiently(self._prepare)
        number, _, token = (self._driven.position or "1:").partition(":")
        for each in range(int(number), PASSES + 1):
            more = True
            while more:
                token = await self._page(each, token, model)
                more = bool(token)
        await self._finish()

    async def _prepare(self) -> None:
        """Make the new collection, unless an earlier attempt at this job has."""
        old = await self._searcher.get_collection(self._source)
        spec = CollectionSpec(description=old.description, model=self._work.model, attributes=old.attributes)
        await self._searcher.create_collection(self._target, spec, request_id=self._driven.job.name.id)
        if not self._driven.position:
            await self._report("1:", total=old.document_count)

    async def _page(self, number: int, token: str, model: ModelInfo) -> str:
        """Embed one page, and return the token of the next one; the second pass looks at what changed meanwhile."""
        view, job = DocumentView(), self._driven.job
        created = (job.create_time or datetime.now(UTC)).isoformat()
        selection = Selection(filter=f"update_time >= '{created}'" if number > 1 else "")
        page = await self._patiently(
            lambda: self._searcher.list_documents(self._source, BATCH_ITEMS, token, view, selection)
        )
        written = await self._written(page.items, model) if page.items else 0
        position = f"{number}:{page.next_page_token}" if page.next_page_token else f"{number + 1}:"
        late = len(page.items) if number > 1 else 0
        await self._report(position, done=written, failed=len(page.items) - written, total=late)
        return page.next_page_token

    async def _written(self, documents: tuple[Document, ...], model: ModelInfo) -> int:
        """Write documents with the contents of their source attribute; return how many could be."""
        contents = {each.id: _content(each, self._work.source_attribute, model) for each in documents}
        whole = tuple(replace(each, source=content) for each in documents if (content := contents[each.id]))
        if not whole:
            return 0
        request = UpsertRequest(self._target, whole, self._work.model, priority=Priority.BULK)
        response = await self._patiently(lambda: self._searcher.upsert_documents(request))
        return sum(outcome is None for outcome in response.outcomes)

    async def _finish(self) -> None:
        job = self._driven.job
        if job.failed_count:
            raise FailedPrecondition(
                f"{job.failed_count} documents have nothing to embed in {self._work.source_attribute!r}, or it could "
                f"not be embedded; the others are in {self._target}, and no alias was set",
                reason=Reason.STATE_UNFIT,
                metadata={"state": job.state.value},
            )
        if self._work.alias_id:
            alias = AliasName(self._target.workspace, self._work.alias_id)
            await self._patiently(lambda: self._searcher.set_alias(alias, self._target))

    async def _report(self, position: str, *, done: int = 0, failed: int = 0, total: int = 0) -> None:
        """Say how far the job is, which keeps it with this driver.

        Raises:
            _Ended: It was cancelled.
        """
        job = self._driven.job
        counted = replace(
            job,
            done_count=job.done_count + done,
            failed_count=job.failed_count + failed,
            total_count=job.total_count + total,
        )
        driven = await self._searcher.drive_job(self._driver, Driven(counted, position))
        if driven is None or driven.job.state.ended:
            raise _Ended
        self._driven = Driven(driven.job, position)

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what `call` returns; while a backend is busy or away, wait, and keep the job."""
        while True:
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    return await call()
            except (ResourceExhausted, Unavailable, DeadlineExceeded, TimeoutError) as error:
                await asyncio.sleep(getattr(error, "retry_after", None) or 1.0)
                await self._report(self._driven.position)


def _content(document: Document, attribute: str, model: ModelInfo) -> Content | None:
    """Return what a document is embedded by: a text, or what a URI names where the model takes such media."""
    value = document.attributes.get(attribute)
    if not isinstance(value, str) or not value:
        return None
    media = [each for each in (Modality.IMAGE, Modality.AUDIO) if each in model.modalities]
    if media and _URI.fullmatch(value):
        return Content((Part(media[0], Media(uri=value)),))
    return Content.of_text(value)
