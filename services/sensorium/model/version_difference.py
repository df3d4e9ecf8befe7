"""What differs between two versions of datasets."""

from dataclasses import dataclass
from enum import StrEnum


class DifferenceKind(StrEnum):
    """How a file differs; one whose content and tags are others counts as changed."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    TAGS_CHANGED = "tags_changed"


@dataclass(frozen=True, slots=True)
class FileDifference:
    """One file that differs, and the effective tags that it has in one version alone."""

    uri: str
    kind: DifferenceKind
    added_tags: tuple[str, ...] = ()
    removed_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionDifference:
    """A page of the files that differ, by URI, and how many there are in all."""

    files: tuple[FileDifference, ...]
    next_page_token: str = ""
    added_count: int = 0
    removed_count: int = 0
    changed_count: int = 0
    tags_changed_count: int = 0
