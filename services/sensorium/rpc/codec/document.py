"""Documents on the wire, and which of their parts are asked for."""

from collections.abc import Sequence
from datetime import datetime

from sensorium.errors import InvalidArgument, SensoriumError
from sensorium.model.content import Content
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import Embedding
from sensorium.model.names import CollectionName
from sensorium.rpc.codec.attribute import attribute_from_proto, attribute_to_proto
from sensorium.rpc.codec.collection import moment_from_proto, moment_to_proto
from sensorium.rpc.codec.content import content_from_proto, content_to_proto
from sensorium.rpc.codec.vector import embedding_from_proto, embedding_to_proto
from sensorium.rpc.status import from_status, to_status
from sensorium.v1 import search_service_pb2 as pb


def document_from_proto(document: pb.Document, collection: CollectionName, field: str) -> Document:
    """Return the document at `field`.

    Raises:
        InvalidArgument: Its name is of another collection, or a vector or an attribute is wrong.
    """
    return Document(
        id=collection.document_id(document.name, f"{field}.name"),
        source=_source_from_proto(document, field),
        tags=tuple(document.tags),
        attributes={
            name: attribute_from_proto(value, f"{field}.attributes[{name!r}]")
            for name, value in document.attributes.items()
        },
        create_time=_time_from_proto(document, "create_time"),
        update_time=_time_from_proto(document, "update_time"),
    )


def document_to_proto(document: Document, collection: CollectionName, field: str) -> pb.Document:
    """Return the message for the document at `field`.

    Raises:
        InvalidArgument: A message cannot hold it.
    """
    try:
        message = pb.Document(
            name=collection.document(document.id),
            tags=document.tags,
            attributes={
                name: attribute_to_proto(value, f"{field}.attributes[{name!r}]")
                for name, value in document.attributes.items()
            },
            create_time=moment_to_proto(document.create_time) if document.create_time else None,
            update_time=moment_to_proto(document.update_time) if document.update_time else None,
        )
        _source_to_proto(document, message)
    except (UnicodeEncodeError, ValueError, TypeError) as error:
        raise InvalidArgument(f"{field}: {error}", field=field) from error
    return message


def result_from_proto(result: pb.DocumentResult, collection: CollectionName, field: str) -> Document | SensoriumError:
    """Return the document or the error of the result at `field`."""
    if result.WhichOneof("outcome") == "document":
        return document_from_proto(result.document, collection, f"{field}.document")
    return from_status(result.error)


def result_to_proto(result: Document | SensoriumError, collection: CollectionName) -> pb.DocumentResult:
    """Return the message for a document or an error."""
    match result:
        case Document():
            return pb.DocumentResult(document=document_to_proto(result, collection, "document"))
        case error:
            return pb.DocumentResult(error=to_status(error))


def ids_from_names(names: Sequence[str], collection: CollectionName) -> tuple[list[str], dict[int, SensoriumError]]:
    """Return the ids of documents, and by place what is wrong with names; those ids are empty."""
    ids: list[str] = []
    faults: dict[int, SensoriumError] = {}
    for index, name in enumerate(names):
        try:
            ids.append(collection.document_id(name, f"names[{index}]"))
        except InvalidArgument as error:
            faults[index] = error
            ids.append("")
    return ids, faults


def view_from_proto(view: pb.DocumentView) -> DocumentView:
    """Return the view that the message holds."""
    return DocumentView(
        embedding=view.embedding,
        tags=not view.without_tags,
        attributes=not view.without_attributes,
        attribute_names=tuple(view.attributes),
    )


def view_to_proto(view: DocumentView) -> pb.DocumentView:
    """Return the message for `view`."""
    return pb.DocumentView(
        embedding=view.embedding,
        without_tags=not view.tags,
        without_attributes=not view.attributes,
        attributes=view.attribute_names,
    )


def _source_from_proto(document: pb.Document, field: str) -> Embedding | Content | None:
    match document.WhichOneof("source"):
        case "embedding":
            return embedding_from_proto(document.embedding, f"{field}.embedding")
        case "content":
            return content_from_proto(document.content)
        case _:
            return None


def _source_to_proto(document: Document, message: pb.Document) -> None:
    match document.source:
        case Embedding() as embedding:
            message.embedding.CopyFrom(embedding_to_proto(embedding))
        case Content() as content:
            message.content.CopyFrom(content_to_proto(content))


def _time_from_proto(document: pb.Document, field: str) -> datetime | None:
    return moment_from_proto(getattr(document, field)) if document.HasField(field) else None  # type: ignore[arg-type]
