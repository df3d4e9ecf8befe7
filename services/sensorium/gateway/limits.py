"""What the gateway refuses before any work starts, so that a request that cannot succeed costs nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.search import SearchRequest, UpsertRequest
from sensorium.settings import SearchSettings

MAX_INSTRUCTION_CHARACTERS = 2048


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest requests whose contents the gateway embeds.

    Attributes:
        documents: Documents in one write.
        query_parts: Parts of one query.
        top_k: Hits that one search ranks.
        searches: Searches of one batch.
    """

    documents: int
    query_parts: int
    top_k: int
    searches: int

    @classmethod
    def of(cls, search: SearchSettings) -> "Limits":
        """Return the limits of the search service, which refuses what is larger."""
        return cls(
            documents=search.max_items,
            query_parts=search.max_query_parts,
            top_k=search.max_top_k,
            searches=search.max_searches,
        )

    def check_upsert(self, request: UpsertRequest) -> None:
        """Raise InvalidArgument when a write has too many documents."""
        _check_count(len(request.documents), self.documents, "documents")

    def check_search(self, request: SearchRequest) -> None:
        """Raise InvalidArgument when a search asks for too much."""
        _check_count(len(request.query), self.query_parts, "query")
        _check_range(request.top_k, self.top_k, "top_k")
        _check_range(len(request.instruction), MAX_INSTRUCTION_CHARACTERS, "instruction")

    def check_searches(self, requests: Sequence[SearchRequest]) -> None:
        """Raise InvalidArgument when a batch has no searches or too many."""
        if not requests:
            raise InvalidArgument("requests: at least one is needed", field="requests")
        _check_count(len(requests), self.searches, "requests")


def _check_count(actual: int, limit: int, field: str) -> None:
    if actual > limit:
        raise InvalidArgument(
            f"{field}: {actual:,} items are more than the limit of {limit:,}",
            reason=Reason.TOO_MANY_ITEMS,
            field=field,
            metadata={"limit": str(limit), "actual": str(actual)},
        )


def _check_range(actual: int, limit: int, field: str) -> None:
    if actual > limit:
        raise InvalidArgument(f"{field}: {actual:,} is more than the limit of {limit:,}", field=field)
