"""Request ids: a change that is asked for again is answered as before, and not made again."""

import uuid
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection, insert, select

from sensorium.errors import InvalidArgument
from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import TagDefinition
from sensorium.storage import moments
from sensorium.tag import definitions
from sensorium.tag.tables import requests

REMEMBERED = timedelta(days=1)


def check_request_id(request_id: str) -> str:
    """Return a request id in one spelling; an empty one as it is.

    Raises:
        InvalidArgument: It is no UUID.
    """
    try:
        return str(uuid.UUID(request_id)) if request_id else ""
    except ValueError:
        raise InvalidArgument("request_id: it is not a UUID", field="request_id") from None


def once(
    connection: Connection,
    name: TagDefinitionName,
    request_id: str,
    mark: str,
    make: Callable[[Connection], TagDefinition],
) -> TagDefinition:
    """Return what `make` makes, or what it made when `request_id` came first within the last day.

    Args:
        connection: In a write transaction.
        name: The definition that is made or changed.
        request_id: As `check_request_id` returns it; empty remembers nothing.
        mark: Tells this request from others.
        make: Changes the store.

    Raises:
        InvalidArgument: `request_id` came with another request.
        NotFound: TAG_DEFINITION_NOT_FOUND: what it made was deleted since.
    """
    if not request_id:
        return make(connection)
    _forget(connection)
    mine = (requests.c.workspace == name.workspace) & (requests.c.request_id == request_id)
    before = connection.execute(select(requests).where(mine)).one_or_none()
    if before is None:
        return _remembered(connection, name, request_id, mark, make(connection))
    if before.mark != mark:
        raise InvalidArgument("request_id: it came with another request before", field="request_id")
    made = definitions.by_key(connection, before.definition, before.version)
    if made is None:
        raise definitions.missing(name)
    return made


def _remembered(
    connection: Connection, name: TagDefinitionName, request_id: str, mark: str, made: TagDefinition
) -> TagDefinition:
    connection.execute(
        insert(requests).values(
            workspace=name.workspace,
            request_id=request_id,
            mark=mark,
            definition=definitions.key_of(connection, name),
            version=made.version,
            create_time=moments.now(),
        )
    )
    return made


def _forget(connection: Connection) -> None:
    oldest = moments.now() - REMEMBERED // moments.MICROSECOND
    connection.execute(requests.delete().where(requests.c.create_time < oldest))
