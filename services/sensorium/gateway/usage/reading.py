"""Adds up the usage that a query asks for, page by page."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Table, func, literal, select, tuple_

from sensorium.gateway.usage.tables import calls, modalities
from sensorium.gateway.usage.tally import HOUR_MICROS
from sensorium.model.content import Modality
from sensorium.model.embedding import ModalityUsage, Usage
from sensorium.model.search import Page
from sensorium.model.usage import ANY_WORKSPACE, UsagePeriod, UsageQuery, UsageRecord
from sensorium.storage import list_pages, moments

MAX_PAGE_SIZE = 1000

_MICROS: Mapping[UsagePeriod, int] = {UsagePeriod.HOUR: HOUR_MICROS, UsagePeriod.DAY: 24 * HOUR_MICROS}

_SUMS = (
    func.min(calls.c.start_time).label("first_hour"),
    func.sum(calls.c.call_count).label("call_count"),
    func.sum(calls.c.token_count).label("token_count"),
)

Group = tuple[int, str, str, str]  # The period's begin, 0 for all time; workspace, key and model.


def page(connection: Connection, query: UsageQuery, page_size: int, page_token: str) -> Page[UsageRecord]:
    """Return a page of what was consumed, by time, workspace, key and model.

    Raises:
        InvalidArgument: The size is negative; PAGE_TOKEN_INVALID.
    """
    size = list_pages.checked_size(page_size, MAX_PAGE_SIZE)
    mark = list_pages.request_mark("usage", query)
    after = _group(list_pages.list_position(page_token, mark))
    group = _grouping(calls, query)
    statement = select(*group, *_SUMS).where(*_conditions(calls, query)).group_by(*group).order_by(*group)
    if after:
        statement = statement.where(tuple_(*group) > tuple_(*after))
    rows = connection.execute(statement.limit(size + 1)).all()
    shown = rows[:size]
    consumed = _modalities(connection, query, [_group_of(row) for row in shown])
    token = list_pages.list_token(mark, json.dumps(_group_of(shown[-1]))) if len(rows) > size else ""
    return Page(tuple(_record(row, consumed[_group_of(row)]) for row in shown), token)


def _record(row: Row[*tuple[Any, ...]], consumed: tuple[ModalityUsage, ...]) -> UsageRecord:
    return UsageRecord(
        workspace=row.workspace,
        key_id=row.key_id,
        model=row.model,
        start=moments.from_micros(row.period or row.first_hour),
        call_count=row.call_count,
        usage=Usage(row.token_count, consumed),
    )


def _group_of(row: Row[*tuple[Any, ...]]) -> Group:
    return row.period, row.workspace, row.key_id, row.model


def _modalities(
    connection: Connection, query: UsageQuery, groups: Sequence[Group]
) -> Mapping[Group, tuple[ModalityUsage, ...]]:
    """Return what each of consecutive groups consumed by modality."""
    found: defaultdict[Group, tuple[ModalityUsage, ...]] = defaultdict(tuple)
    if not groups:
        return found
    group = _grouping(modalities, query)
    kinds = (modalities.c.modality, modalities.c.weight)
    statement = (
        select(*group, *kinds, func.sum(modalities.c.measure).label("measure"))
        .where(*_conditions(modalities, query), tuple_(*group).between(tuple_(*groups[0]), tuple_(*groups[-1])))
        .group_by(*group, *kinds)
        .order_by(*group, *kinds)
    )
    for row in connection.execute(statement):
        found[_group_of(row)] += (ModalityUsage(Modality(row.modality), row.measure, row.weight),)
    return found


def _grouping(table: Table, query: UsageQuery) -> tuple[ColumnElement[Any], ...]:
    micros = _MICROS.get(query.period)
    hour = table.c.start_time
    period = (hour - hour % micros if micros else literal(0, BigInteger)).label("period")
    return (period, table.c.workspace, table.c.key_id, table.c.model)


def _conditions(table: Table, query: UsageQuery) -> list[ColumnElement[bool]]:
    columns = table.c
    return [
        *([] if query.workspace == ANY_WORKSPACE else [columns.workspace == query.workspace]),
        *([] if query.key_id is None else [columns.key_id == query.key_id]),
        *([columns.model == query.model] if query.model else []),
        *([columns.start_time >= moments.to_micros(query.start)] if query.start else []),
        *([columns.start_time < moments.to_micros(query.end)] if query.end else []),
    ]


def _group(position: str) -> Group | None:
    """Read where a page goes on. Raises InvalidArgument."""
    if not position:
        return None
    try:
        match json.loads(position):
            case [int(start), str(workspace), str(key_id), str(model)] if -(2**62) < start < 2**62:
                return start, workspace, key_id, model
    except (ValueError, RecursionError):
        pass
    raise list_pages.invalid()
