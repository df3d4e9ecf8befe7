"""Asks again for contents that a role refused because its settings do not name a bucket, with the bytes in place."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import astuple, dataclass, field, replace
from typing import Generic, TypeVar

from sensorium import context
from sensorium.context import Stage
from sensorium.errors import (
    DeadlineExceeded,
    PermissionDenied,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.gateway.connected.objects import ConnectedObjects
from sensorium.gateway.contents import relocate
from sensorium.in_order import in_order
from sensorium.model.content import Content
from sensorium.model.embedding import EmbedResponse, Timings, Usage
from sensorium.model.tagging import TagResponse

Response = TypeVar("Response", EmbedResponse, TagResponse)


@dataclass(frozen=True, slots=True)
class Asked(Generic[Response]):
    """What was asked of a role.

    Attributes:
        contents: All contents.
        workspace: Whose connections are meant.
        again: Asks the role for one content alone.
        failed: What it raised then.
    """

    contents: tuple[Content, ...]
    workspace: str
    again: Callable[[Content], Awaitable[Response]]
    failed: list[SensoriumError] = field(default_factory=list)


class Asking:
    """Completes responses. The role says which buckets its settings do not name, so those that they name go first.

    Each content is asked for alone: the bytes of a bounded number are here, and roles make batches of several calls.

    Args:
        objects: Brings what contents name.
        at_once: Contents of all calls whose bytes are here at once.
    """

    def __init__(self, objects: ConnectedObjects, *, at_once: int) -> None:
        self._objects = objects
        self._at_once = at_once
        self._room = asyncio.Semaphore(at_once)

    async def completed(self, first: Response, asked: Asked[Response]) -> Response:
        """Return a role's first response with answers in the place of refused buckets.

        Raises:
            SensoriumError: The role takes no more now, or answered for no content.
        """
        refused = {
            place: result
            for place, result in enumerate(first.results)
            if isinstance(result, SensoriumError) and _bucket(result)
        }
        if not refused:
            return first
        started = time.monotonic()

        async def answer(place: int) -> Response | SensoriumError:
            async with self._room:
                return await self._answer(asked, asked.contents[place], refused[place])

        async with aclosing(in_order(_each(refused), answer, depth=self._at_once)) as found:
            answers = dict(zip(refused, [each async for each in found], strict=True))
        whole = _joined(first, answers, started)
        if asked.failed and all(isinstance(result, SensoriumError) for result in whole.results):
            raise asked.failed[0]
        return whole

    async def _answer(
        self, asked: Asked[Response], content: Content, refusal: SensoriumError
    ) -> Response | SensoriumError:
        """Return what the role answers for a content, or why it cannot be asked; buckets are brought one by one."""
        bucket, started = _bucket(refusal), time.monotonic()
        try:
            _check_reach(asked.workspace)
            with context.timed(Stage.PREPROCESS):
                brought = await self._objects.brought(content, bucket, asked.workspace)
        except SensoriumError as error:
            return error
        fetch_ms = (time.monotonic() - started) * 1e3
        if brought is content:
            return refusal
        try:
            answer = await asked.again(brought)
        except (ResourceExhausted, DeadlineExceeded):
            raise
        except SensoriumError as error:
            asked.failed.append(error)
            return error
        result = answer.results[0]
        if isinstance(result, SensoriumError) and _bucket(result):
            return await self._answer(asked, brought, result)
        return replace(answer, timings=replace(answer.timings, preprocess_ms=answer.timings.preprocess_ms + fetch_ms))


def _bucket(fault: SensoriumError) -> str:
    """Return the bucket (`s3://photos`) that the settings of a role do not name; empty for another fault."""
    return fault.metadata.get("bucket", "") if fault.reason is Reason.URI_REFUSED else ""


def _check_reach(workspace: str) -> None:
    """Raise PermissionDenied when the caller's key is for some collections: connections are of a whole workspace."""
    call = context.current()
    if call and call.scoped:
        raise PermissionDenied(
            f"the key {call.key_id} is for some collections, a connection is for all of workspaces/{workspace}",
            metadata={"required": f"workspaces/{workspace}"},
        )


async def _each(places: Iterable[int]) -> AsyncIterator[int]:
    for place in places:
        yield place


def _joined(first: Response, answers: Mapping[int, Response | SensoriumError], started: float) -> Response:
    """Return `first` with the answers at their places, and the sums of usage and times."""
    results, responses = list(first.results), [first]
    for place, answer in answers.items():
        if isinstance(answer, SensoriumError):
            results[place] = answer
        else:
            _check_same_model(first, answer)
            responses.append(answer)
            results[place] = answer.results[0]
        if isinstance(fault := results[place], SensoriumError):
            results[place] = relocate(fault, "contents[0]", f"contents[{place}]")
    times = Timings(*map(sum, zip(*(astuple(each.timings) for each in responses), strict=True)))
    total_ms = first.timings.total_ms + (time.monotonic() - started) * 1e3
    return replace(
        first,
        results=tuple(results),
        usage=Usage.joined(each.usage for each in responses),
        timings=replace(times, total_ms=total_ms),
    )


def _check_same_model(first: Response, answer: Response) -> None:
    """Raise Unavailable when another revision answered meanwhile: vectors of two must not mix."""
    if (answer.model, answer.model_revision) != (first.model, first.model_revision):
        raise Unavailable(
            f"model {first.model!r} changed from {first.model_revision} to {answer.model_revision} during the call",
            reason=Reason.MODEL_NOT_READY,
            metadata={"model": first.model},
            retry_after=0.1,
        )
