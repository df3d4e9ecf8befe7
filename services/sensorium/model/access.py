"""Who may call what: the roles of keys, and what a method needs of whoever calls it."""

from dataclasses import dataclass
from enum import StrEnum


class KeyRole(StrEnum):
    """What a key may do; each role may do what those before it may."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def allows(self, needed: "KeyRole") -> bool:
        """Return whether this role may do what `needed` may."""
        return _RANK[self] >= _RANK[needed]


_RANK = {role: rank for rank, role in enumerate(KeyRole)}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a method needs, and where its requests name resources.

    A path names fields from the request inward, through every item of a list: `requests.parent`.

    Attributes:
        role: The least role.
        shared: Paths of names of which only the workspace counts: what they name is for all keys of the workspace.
        collections: Paths of names of a collection, an alias, or something within one.
        collection_ids: Paths of ids of collections or aliases beside the first name; an empty id is none.
        whole: Whether the method is about all of a workspace, and so not for a key with a collection scope.
        items: Path of the list of which each item counts as a request; empty when a request is one.
    """

    role: KeyRole
    shared: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    collection_ids: tuple[str, ...] = ()
    whole: bool = False
    items: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """The resources that one request names, as it spells them; the attributes are those of `Rule`."""

    shared: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    collection_ids: tuple[str, ...] = ()
