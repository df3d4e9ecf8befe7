"""Request ids: a change that is asked for again is not made again."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from sqlalchemy import Connection, insert, select

from sensorium.dataset.tables import requests
from sensorium.errors import InvalidArgument
from sensorium.storage import moments
from sensorium.storage.list_pages import request_mark

T = TypeVar("T")
REMEMBERED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Repeatable(Generic[T]):
    """A change that a request id makes once.

    Attributes:
        make: Changes the store.
        answer: What is remembered of the result, as JSON.
        recall: Returns the result that an earlier call had, from what is remembered.
    """

    make: Callable[[Connection], T]
    answer: Callable[[T], object]
    recall: Callable[[Connection, object], T]


@dataclass(frozen=True, slots=True)
class RequestId:
    """A request id of a workspace, and what tells its request from others; an empty id remembers nothing."""

    workspace: str
    id: str
    mark: str

    @classmethod
    def of(cls, workspace: str, request_id: str, *request: object) -> "RequestId":
        """Return the id in one spelling.

        Raises:
            InvalidArgument: It is no UUID.
        """
        try:
            spelled = str(uuid.UUID(request_id)) if request_id else ""
        except ValueError:
            raise InvalidArgument("request_id: it is not a UUID", field="request_id") from None
        return cls(workspace, spelled, request_mark(*request))

    def once(self, connection: Connection, change: Repeatable[T]) -> T:
        """Return what `change` makes, or what it made when the id came first within the last day.

        Raises:
            InvalidArgument: The id came with another request.
            NotFound: What it made was deleted since.
        """
        if not self.id:
            return change.make(connection)
        _forget(connection)
        made = self.recalled(connection, change)
        if made is None:
            made = change.make(connection)
            self._remember(connection, change.answer(made))
        return made

    def recalled(self, connection: Connection, change: Repeatable[T]) -> T | None:
        """Return what `change` made when the id came first within the last day; None when it did not come.

        Raises:
            InvalidArgument: The id came with another request.
            NotFound: What it made was deleted since.
        """
        mine = (requests.c.workspace == self.workspace) & (requests.c.request_id == self.id)
        before = connection.execute(select(requests).where(mine)).one_or_none()
        if before is None:
            return None
        if before.mark != self.mark:
            raise InvalidArgument("request_id: it came with another request before", field="request_id")
        return change.recall(connection, before.answer)

    def forget(self, connection: Connection) -> None:
        """Let a repeat be made anew, because nothing is left of what the id has made."""
        mine = (requests.c.workspace == self.workspace) & (requests.c.request_id == self.id)
        connection.execute(requests.delete().where(mine))

    def _remember(self, connection: Connection, answer: object) -> None:
        connection.execute(
            insert(requests).values(
                workspace=self.workspace,
                request_id=self.id,
                mark=self.mark,
                answer=answer,
                create_time=moments.now(),
            )
        )


def _forget(connection: Connection) -> None:
    oldest = moments.now() - REMEMBERED // moments.MICROSECOND
    connection.execute(requests.delete().where(requests.c.create_time < oldest))
