"""Page tokens of rankings: behind which hit a ranking goes on, bound to the request that it came from."""

from dataclasses import dataclass

from sensorium.storage.list_pages import decode, encode, invalid


@dataclass(frozen=True, slots=True)
class RankCursor:
    """The last hit of a page; the next page starts behind it, in the order of score and id."""

    score: float
    id: str
    rank: int


def rank_token(mark: str, last: RankCursor) -> str:
    """Return the token of the page behind the hit `last`."""
    return encode([mark, last.score, last.id, last.rank])


def rank_position(token: str, mark: str) -> RankCursor | None:
    """Return the hit behind which the page of `token` starts; None for the first.

    Raises:
        InvalidArgument: PAGE_TOKEN_INVALID.
    """
    if not token:
        return None
    match decode(token, mark):
        case [float(score), str(last), int(rank)] if rank > 0:
            return RankCursor(score, last, rank)
        case _:
            raise invalid()
