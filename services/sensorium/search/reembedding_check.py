"""What may be re-embedded, and who may say so."""

from sqlalchemy import Connection

from sensorium.errors import AlreadyExists, InvalidArgument
from sensorium.model.job import Driven, ReembedWork
from sensorium.model.names import CollectionName, check_id
from sensorium.model.text_check import check_text
from sensorium.search import collections

MAX_DRIVER_CHARS = 128
MAX_POSITION_CHARS = 4096


def check_reembedding(connection: Connection, source: CollectionName, work: ReembedWork) -> None:
    """Refuse a re-embedding of `source` that cannot end well.

    Raises:
        InvalidArgument: Names the field at fault.
        NotFound: There is no such collection.
        AlreadyExists: The new collection exists, or one has the alias's id.
    """
    for field, text in (("model", work.model), ("source_attribute", work.source_attribute)):
        check_text(text, f"job.reembed.{field}")
        if not text:
            raise InvalidArgument(f"job.reembed.{field}: it is empty", field=f"job.reembed.{field}")
    collections.get(connection, source)
    target = CollectionName(source.workspace, check_id(work.collection_id, "job.reembed.collection_id"))
    collections.check_free(connection, target)
    if not work.alias_id:
        return
    alias = CollectionName(source.workspace, check_id(work.alias_id, "job.reembed.alias_id"))
    if alias == target or collections.find(connection, alias):
        raise AlreadyExists(f"{alias} exists, or will: no alias can have its id", metadata={"resource": str(alias)})


def check_driver(driver: str, driven: Driven | None) -> None:
    """Refuse what cannot be kept of a driver.

    Raises:
        InvalidArgument: Names the field at fault.
    """
    if not 0 < len(driver) <= MAX_DRIVER_CHARS:
        raise InvalidArgument(f"driver: it has {len(driver)} characters, not 1 to {MAX_DRIVER_CHARS}", field="driver")
    if driven and len(driven.position) > MAX_POSITION_CHARS:
        raise InvalidArgument(
            f"position: it has {len(driven.position)} of {MAX_POSITION_CHARS} characters", field="position"
        )
