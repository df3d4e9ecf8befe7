"""Changes of documents on the wire."""

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc.status_pb2 import Status

from sensorium.errors import InvalidArgument, SensoriumError
from sensorium.model.document import Document, DocumentMask
from sensorium.model.names import CollectionName
from sensorium.model.search import ChangeRequest
from sensorium.rpc.codec.attribute import attribute_from_proto
from sensorium.rpc.codec.document import document_to_proto
from sensorium.rpc.status import from_status, to_status
from sensorium.v1 import search_service_pb2 as pb

Faults = dict[int, SensoriumError]
_PREFIX = "attributes."


def change_from_proto(request: pb.BatchUpdateDocumentsRequest) -> tuple[ChangeRequest, Faults]:
    """Return the request, and by place what is wrong with the documents that cannot be read.

    In their stead the request has documents without an id, which are refused, so that the others keep their places.

    Raises:
        InvalidArgument: The parent or the mask is wrong.
    """
    collection = CollectionName.parse(request.parent, "parent")
    documents: list[Document] = []
    faults: Faults = {}
    for index, message in enumerate(request.documents):
        try:
            documents.append(_labelled(message, collection, f"documents[{index}]"))
        except InvalidArgument as error:
            faults[index] = error
            documents.append(Document(""))
    return ChangeRequest(collection, tuple(documents), mask_from_proto(request.update_mask)), faults


def change_to_proto(request: ChangeRequest) -> tuple[pb.BatchUpdateDocumentsRequest, Faults]:
    """Return the message, and by place what is wrong with the documents that it cannot hold (empty ones there).

    Raises:
        InvalidArgument: The mask names nothing, or what is not Unicode.
    """
    faults: Faults = {}
    message = pb.BatchUpdateDocumentsRequest(parent=str(request.collection), update_mask=mask_to_proto(request.mask))
    for index, document in enumerate(request.documents):
        try:
            message.documents.append(document_to_proto(document, request.collection, f"documents[{index}]"))
        except InvalidArgument as error:
            faults[index] = error
            message.documents.add()
    return message, faults


def outcomes_from_proto(statuses: Sequence[Status], faults: Faults) -> list[SensoriumError | None]:
    """Return None or an error for each document; `faults` say what was wrong before it was sent."""
    outcomes = [from_status(status) if status.code else None for status in statuses]
    return [faults.get(index, outcome) for index, outcome in enumerate(outcomes)]


def outcomes_to_proto(outcomes: Sequence[SensoriumError | None], faults: Faults) -> list[Status]:
    """Return a status for each document; `faults` say which could not be read."""
    found = [faults.get(index, outcome) for index, outcome in enumerate(outcomes)]
    return [Status() if outcome is None else to_status(outcome) for outcome in found]


def mask_from_proto(mask: FieldMask) -> DocumentMask:
    """Return what a mask chooses; an empty one means tags and attributes.

    Raises:
        InvalidArgument: It names what cannot change.
    """
    if not mask.paths:
        return DocumentMask()
    names = tuple(dict.fromkeys(path.removeprefix(_PREFIX) for path in mask.paths if path.startswith(_PREFIX)))
    others = {path for path in mask.paths if not path.startswith(_PREFIX)}
    unknown = sorted(others - {"tags", "attributes"}) or ([] if all(names) else [_PREFIX])
    if unknown:
        raise InvalidArgument(
            f"update_mask: {unknown[0]!r} is none of tags, attributes, attributes.{{field}}", field="update_mask"
        )
    return DocumentMask("tags" in others, "attributes" in others, names)


def mask_to_proto(mask: DocumentMask) -> FieldMask:
    """Return the message for `mask`. Raises InvalidArgument when it chooses nothing, or what is not Unicode."""
    paths = ["tags"] * mask.tags + ["attributes"] * mask.attributes
    paths += [f"{_PREFIX}{name}" for name in mask.attribute_names]
    if not paths:  # An empty mask would mean everything.
        raise InvalidArgument("update_mask: there is nothing to change", field="update_mask")
    try:
        return FieldMask(paths=paths)
    except (UnicodeEncodeError, ValueError) as error:
        raise InvalidArgument(f"update_mask: {error}", field="update_mask") from error


def _labelled(message: pb.Document, collection: CollectionName, field: str) -> Document:
    """Return what can change of the document at `field`. Raises InvalidArgument."""
    return Document(
        id=collection.document_id(message.name, f"{field}.name"),
        tags=tuple(message.tags),
        attributes={
            name: attribute_from_proto(value, f"{field}.attributes[{name!r}]")
            for name, value in message.attributes.items()
        },
    )
