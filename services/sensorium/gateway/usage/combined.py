"""The usage that several processes count, as one: a gateway's own, and that of a role that works by itself."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sensorium.gateway.usage.reading import MAX_PAGE_SIZE
from sensorium.model.embedding import ModalityUsage, Usage
from sensorium.model.search import Page
from sensorium.model.usage import UsagePeriod, UsageQuery, UsageRecord
from sensorium.ports import UsageReader
from sensorium.storage import list_pages, moments

Group = tuple[int, str, str, str]


class CombinedUsage(UsageReader):
    """Satisfies `UsageReader` by several, whose pages it merges: their tokens say where in the order a list goes on.

    Args:
        readers: What each process has counted.
    """

    def __init__(self, readers: Sequence[UsageReader]) -> None:
        self._readers = readers

    async def list_usage(self, query: UsageQuery, page_size: int, page_token: str) -> Page[UsageRecord]:
        """Return a page of what was consumed, by time, workspace, key and model.

        Raises:
            InvalidArgument: The size is negative; PAGE_TOKEN_INVALID.
            Unavailable: One of the processes cannot be asked.
        """
        size = list_pages.checked_size(page_size, MAX_PAGE_SIZE)
        pages = await asyncio.gather(*(each.list_usage(query, size, page_token) for each in self._readers))
        merged = _merged((record for page in pages for record in page.items), query)
        shown = merged[:size]
        more = len(merged) > size or any(page.next_page_token for page in pages)
        return Page(tuple(record for _, record in shown), _token(query, shown[-1][0]) if more else "")


def _merged(records: Iterable[UsageRecord], query: UsageQuery) -> list[tuple[Group, UsageRecord]]:
    """Return the records in order, those of one group as one."""
    groups: dict[Group, UsageRecord] = {}
    for record in records:
        group = _group(record, query)
        groups[group] = _sum(groups[group], record) if group in groups else record
    return sorted(groups.items(), key=lambda each: each[0])


def _group(record: UsageRecord, query: UsageQuery) -> Group:
    start = 0 if query.period is UsagePeriod.WHOLE else moments.to_micros(record.start)
    return start, record.workspace, record.key_id, record.model


def _sum(one: UsageRecord, other: UsageRecord) -> UsageRecord:
    usage = Usage.joined((one.usage, other.usage))
    return replace(
        one,
        start=min(one.start, other.start),
        call_count=one.call_count + other.call_count,
        usage=Usage(usage.token_count, tuple(sorted(usage.modalities, key=_kind))),
    )


def _kind(consumed: ModalityUsage) -> tuple[str, float]:
    return consumed.modality.value, consumed.weight


def _token(query: UsageQuery, after: Group) -> str:
    """Return the token of the page behind a group, which every reader takes for its own."""
    return list_pages.list_token(list_pages.request_mark("usage", query), json.dumps(after))
