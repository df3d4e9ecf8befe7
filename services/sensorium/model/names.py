"""Resource names: `workspaces/{workspace}/collections/{collection}/documents/{document}` and their like.

Names in the default workspace may leave out `workspaces/default/`. An id is a lower-case letter followed by up to 62
of `a-z`, `0-9`, `-`, `_`; a document's id is any text without control characters, at most 512 bytes in UTF-8.
"""

import re
from dataclasses import dataclass

from sensorium.errors import InvalidArgument, Reason

DEFAULT_WORKSPACE = "default"
MAX_DOCUMENT_ID_BYTES = 512
ID_PATTERN = r"[a-z][a-z0-9_-]{0,62}"

_ID = re.compile(ID_PATTERN)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WORKSPACE = re.compile(rf"workspaces/({ID_PATTERN})")
_COLLECTION = re.compile(rf"(?:workspaces/({ID_PATTERN})/)?(?:collections|aliases)/({ID_PATTERN})")
_ALIAS = re.compile(rf"(?:workspaces/({ID_PATTERN})/)?aliases/({ID_PATTERN})")
_SNAPSHOT = re.compile(rf"(?:workspaces/({ID_PATTERN})/)?collections/({ID_PATTERN})/snapshots/({ID_PATTERN})")
_JOB = re.compile(rf"(?:workspaces/({ID_PATTERN})/)?collections/({ID_PATTERN})/jobs/({ID_PATTERN})")
_TAG_DEFINITION = re.compile(rf"(?:workspaces/({ID_PATTERN})/)?tagDefinitions/({ID_PATTERN})")
_SCOPED = re.compile(r"(?:workspaces/[^/]+/)?(?:collections|aliases)/([^/]+)(?:/.*)?", re.DOTALL)
_MODEL = re.compile(r"(?:workspaces/([a-z][a-z0-9_-]{0,62})/)?models/([A-Za-z0-9][A-Za-z0-9._-]{0,127})")


@dataclass(frozen=True, slots=True)
class CollectionName:
    """The name of a collection, or that of an alias in its place: they share their ids."""

    workspace: str
    id: str

    def __str__(self) -> str:
        return f"workspaces/{self.workspace}/collections/{self.id}"

    @staticmethod
    def parse(name: str, field: str = "name") -> "CollectionName":
        """Read `[workspaces/{workspace}/]collections/{collection}`, or the name of an alias.

        Raises:
            InvalidArgument: It does not follow the pattern; names `field`.
        """
        match = _COLLECTION.fullmatch(name)
        if not match:
            raise _invalid(name, "[workspaces/{workspace}/]collections/{collection}", field)
        return CollectionName(match[1] or DEFAULT_WORKSPACE, match[2])

    def document(self, document_id: str) -> str:
        """Return the full name of a document."""
        return f"{self}/documents/{document_id}"

    def document_id(self, name: str, field: str = "name") -> str:
        """Read the id from `documents/{document}` or a document's full name in this collection.

        Raises:
            InvalidArgument: It does not follow the pattern, or names another collection.
        """
        alias = AliasName(self.workspace, self.id)
        for owner in ("", f"{self}/", f"collections/{self.id}/", f"{alias}/", f"aliases/{self.id}/"):
            prefix = f"{owner}documents/"
            if name.startswith(prefix):
                return check_document_id(name.removeprefix(prefix), field)
        raise _invalid(name, f"documents/{{document}} or {self}/documents/{{document}}", field)


@dataclass(frozen=True, slots=True)
class AliasName:
    """The name of an alias."""

    workspace: str
    id: str

    def __str__(self) -> str:
        return f"workspaces/{self.workspace}/aliases/{self.id}"

    @staticmethod
    def parse(name: str, field: str = "name") -> "AliasName":
        """Read `[workspaces/{workspace}/]aliases/{alias}`.

        Raises:
            InvalidArgument: It does not follow the pattern; names `field`.
        """
        match = _ALIAS.fullmatch(name)
        if not match:
            raise _invalid(name, "[workspaces/{workspace}/]aliases/{alias}", field)
        return AliasName(match[1] or DEFAULT_WORKSPACE, match[2])

    @property
    def as_collection(self) -> CollectionName:
        """The name by which it stands in the place of a collection."""
        return CollectionName(self.workspace, self.id)


@dataclass(frozen=True, slots=True)
class SnapshotName:
    """The name of a snapshot."""

    collection: CollectionName
    id: str

    def __str__(self) -> str:
        return f"{self.collection}/snapshots/{self.id}"

    @staticmethod
    def parse(name: str, field: str = "name") -> "SnapshotName":
        """Read `[workspaces/{workspace}/]collections/{collection}/snapshots/{snapshot}`.

        Raises:
            InvalidArgument: It does not follow the pattern; names `field`.
        """
        match = _SNAPSHOT.fullmatch(name)
        if not match:
            raise _invalid(name, "[workspaces/{workspace}/]collections/{collection}/snapshots/{snapshot}", field)
        return SnapshotName(CollectionName(match[1] or DEFAULT_WORKSPACE, match[2]), match[3])


@dataclass(frozen=True, slots=True)
class JobName:
    """The name of a job on a collection."""

    collection: CollectionName
    id: str

    def __str__(self) -> str:
        return f"{self.collection}/jobs/{self.id}"

    @staticmethod
    def parse(name: str, field: str = "name") -> "JobName":
        """Read `[workspaces/{workspace}/]collections/{collection}/jobs/{job}`.

        Raises:
            InvalidArgument: It does not follow the pattern; names `field`.
        """
        match = _JOB.fullmatch(name)
        if not match:
            raise _invalid(name, "[workspaces/{workspace}/]collections/{collection}/jobs/{job}", field)
        return JobName(CollectionName(match[1] or DEFAULT_WORKSPACE, match[2]), match[3])


@dataclass(frozen=True, slots=True)
class TagDefinitionName:
    """The name of a tag definition."""

    workspace: str
    id: str

    def __str__(self) -> str:
        return f"workspaces/{self.workspace}/tagDefinitions/{self.id}"

    @staticmethod
    def parse(name: str, field: str = "name") -> "TagDefinitionName":
        """Read `[workspaces/{workspace}/]tagDefinitions/{tag_definition}`.

        Raises:
            InvalidArgument: It does not follow the pattern; names `field`.
        """
        match = _TAG_DEFINITION.fullmatch(name)
        if not match:
            raise _invalid(name, "[workspaces/{workspace}/]tagDefinitions/{tag_definition}", field)
        return TagDefinitionName(match[1] or DEFAULT_WORKSPACE, match[2])


def check_document_id(document_id: str, field: str = "name") -> str:
    """Return `document_id` if it may name a document; raise InvalidArgument if not."""
    size = len(document_id.encode())
    if not 1 <= size <= MAX_DOCUMENT_ID_BYTES or _CONTROL.search(document_id):
        raise InvalidArgument(
            f"{field}: a document id has 1 to {MAX_DOCUMENT_ID_BYTES} bytes and no control characters",
            reason=Reason.NAME_INVALID,
            field=field,
        )
    return document_id


def check_id(identifier: str, field: str) -> str:
    """Return `identifier` if it follows the pattern of ids; raise InvalidArgument if not."""
    if not _ID.fullmatch(identifier):
        raise _invalid(identifier, ID_PATTERN, field)
    return identifier


def parse_jobs_parent(parent: str, field: str = "parent") -> tuple[str, str]:
    """Read `[workspaces/{workspace}/]collections/{collection}` as workspace and collection; `-` means all: empty."""
    every = re.fullmatch(rf"(?:workspaces/({ID_PATTERN})/)?collections/-", parent)
    if every:
        return every[1] or DEFAULT_WORKSPACE, ""
    name = CollectionName.parse(parent, field)
    return name.workspace, name.id


def parse_workspace(parent: str, field: str = "parent") -> str:
    """Read `workspaces/{workspace}`; empty means the default workspace."""
    if not parent:
        return DEFAULT_WORKSPACE
    match = _WORKSPACE.fullmatch(parent)
    if not match:
        raise _invalid(parent, "workspaces/{workspace}", field)
    return match[1]


def workspace_of(name: str) -> str:
    """Return the workspace of any resource's name, without asking whether the rest follows its pattern."""
    kind, _, rest = name.partition("/")
    return rest.partition("/")[0] if kind == "workspaces" else DEFAULT_WORKSPACE


def collection_id_of(name: str) -> str:
    """Return the id of the collection or alias that a name is of, or is within; empty when there is none."""
    match = _SCOPED.fullmatch(name)
    return match[1] if match else ""


def parse_model(name: str, field: str = "name") -> tuple[str, str]:
    """Read `[workspaces/{workspace}/]models/{model}` as workspace and id."""
    match = _MODEL.fullmatch(name)
    if not match:
        raise _invalid(name, "[workspaces/{workspace}/]models/{model}", field)
    return match[1] or DEFAULT_WORKSPACE, match[2]


def model_name(workspace: str, model_id: str) -> str:
    """Return the full name of an embedding model."""
    return f"workspaces/{workspace}/models/{model_id}"


def _invalid(name: str, pattern: str, field: str) -> InvalidArgument:
    shown = name if len(name) <= 80 else f"{name[:77]}..."
    return InvalidArgument(
        f"{field}: {shown!r} does not follow the pattern {pattern}", reason=Reason.NAME_INVALID, field=field
    )
