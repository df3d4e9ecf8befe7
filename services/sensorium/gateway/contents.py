"""Embeds the contents of one request in one call, and says where an error belongs in that request."""

from collections.abc import Mapping
from dataclasses import dataclass

from sensorium.errors import InvalidArgument, SensoriumError
from sensorium.gateway.binding import check_bound, check_served
from sensorium.model.collection import Collection
from sensorium.model.content import Content
from sensorium.model.embedding import Embedding, EmbedOptions, EmbedRequest, EmbedRole, Priority, Timings, Usage
from sensorium.ports import Embedder


@dataclass(frozen=True, slots=True)
class EmbeddedContents:
    """What became of a request's contents.

    Attributes:
        results: An embedding or an error for each field that held a content (`query[0].content`).
        usage: What embedding them consumed.
        timings: Where its time went.
    """

    results: Mapping[str, Embedding | SensoriumError]
    usage: Usage
    timings: Timings


async def embed_contents(
    embedder: Embedder,
    collection: Collection,
    contents: Mapping[str, Content],
    role: EmbedRole,
    *,
    instruction: str = "",
    priority: Priority = Priority.INTERACTIVE,
) -> EmbeddedContents:
    """Embed `contents`, by the field that each stands in, into the vector space of `collection`.

    Raises:
        FailedPrecondition: The collection is bound to no model, or to another revision than the served one.
        SensoriumError: The whole call failed.
    """
    check_bound(collection)
    options = EmbedOptions(role=role, instruction=instruction, dimension=collection.dimension)
    request = EmbedRequest(
        tuple(contents.values()), collection.model, options, priority=priority, workspace=collection.workspace
    )
    try:
        response = await embedder.embed(request)
    except InvalidArgument as error:
        raise relocate(error, "options.", "") from None
    check_served(collection, response.model_revision)
    results = {
        field: result if isinstance(result, Embedding) else relocate(result, f"contents[{index}]", field)
        for index, (field, result) in enumerate(zip(contents, response.results, strict=True))
    }
    return EmbeddedContents(results, response.usage, response.timings)


def relocate(error: SensoriumError, old: str, new: str) -> SensoriumError:
    """Return `error` with its place in the call to a backend renamed to its place in the caller's request."""
    return type(error)(
        error.message.replace(old, new),
        reason=error.reason,
        field=error.field.replace(old, new) or new,
        metadata=error.metadata,
        retry_after=error.retry_after,
    )
