"""Resource names of the dataset service: `workspaces/{workspace}/datasets/{dataset}/versions/{version}` and their like.

Names in the default workspace may leave out `workspaces/default/`. Versions are `v1`, `v2`, …; a file's id is made from
its URI, so the same URI has the same id in every version.
"""

import hashlib
import re
from dataclasses import dataclass

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.names import DEFAULT_WORKSPACE, ID_PATTERN

ANY_DATASET = "-"

_WORKSPACE = rf"(?:workspaces/({ID_PATTERN})/)?"
_DATASET = re.compile(rf"{_WORKSPACE}datasets/({ID_PATTERN})")
_DATASETS = re.compile(rf"{_WORKSPACE}datasets/({ID_PATTERN}|{ANY_DATASET})")
_NUMBER = r"v([1-9][0-9]{0,8})"
_VERSION = re.compile(rf"{_WORKSPACE}datasets/({ID_PATTERN})/versions/{_NUMBER}")
_FILE_ID = r"f[0-9a-f]{32}"
_FILE = re.compile(rf"{_WORKSPACE}datasets/({ID_PATTERN})/versions/{_NUMBER}/files/({_FILE_ID})")
_JOB = re.compile(rf"{_WORKSPACE}datasets/({ID_PATTERN})/jobs/({ID_PATTERN})")
_CONNECTION = re.compile(rf"{_WORKSPACE}connections/({ID_PATTERN})")
_CONNECTED_MODEL = re.compile(rf"workspaces/({ID_PATTERN})/connections/({ID_PATTERN})/models/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DatasetName:
    """The name of a dataset; the id `-` stands for all of a workspace where a list allows it."""

    workspace: str
    id: str

    def __str__(self) -> str:
        return f"workspaces/{self.workspace}/datasets/{self.id}"

    @staticmethod
    def parse(name: str, field: str = "name", *, any_allowed: bool = False) -> "DatasetName":
        """Read `[workspaces/{workspace}/]datasets/{dataset}`. Raises InvalidArgument, naming `field`."""
        pattern = _DATASETS if any_allowed else _DATASET
        workspace, identifier = _groups(pattern, name, "datasets/{dataset}", field)
        return DatasetName(workspace, identifier)


@dataclass(frozen=True, slots=True)
class VersionName:
    """The name of a version of a dataset; versions count from 1."""

    dataset: DatasetName
    number: int

    def __str__(self) -> str:
        return f"{self.dataset}/versions/v{self.number}"

    @staticmethod
    def parse(name: str, field: str = "name") -> "VersionName":
        """Read `[workspaces/{workspace}/]datasets/{dataset}/versions/v{number}`. Raises InvalidArgument."""
        workspace, dataset, number = _groups(_VERSION, name, "datasets/{dataset}/versions/v{number}", field)
        return VersionName(DatasetName(workspace, dataset), int(number))

    def file_id(self, name: str, field: str = "name") -> str:
        """Read the id from `files/{file}` or a file's full name in this version. Raises InvalidArgument."""
        for prefix in ("files/", f"{self}/files/", f"{str(self).split('/', 2)[2]}/files/"):
            identifier = name.removeprefix(prefix)
            if identifier != name and re.fullmatch(_FILE_ID, identifier):
                return identifier
        raise _invalid(name, f"files/{{file}} or {self}/files/{{file}}", field)


@dataclass(frozen=True, slots=True)
class FileName:
    """The name of a file record."""

    version: VersionName
    id: str

    def __str__(self) -> str:
        return f"{self.version}/files/{self.id}"

    @staticmethod
    def parse(name: str, field: str = "name") -> "FileName":
        """Read `[workspaces/{workspace}/]datasets/{dataset}/versions/v{number}/files/{file}`."""
        pattern = "datasets/{dataset}/versions/v{number}/files/{file}"
        workspace, dataset, number, identifier = _groups(_FILE, name, pattern, field)
        return FileName(VersionName(DatasetName(workspace, dataset), int(number)), identifier)


@dataclass(frozen=True, slots=True)
class JobName:
    """The name of a job of a dataset."""

    dataset: DatasetName
    id: str

    def __str__(self) -> str:
        return f"{self.dataset}/jobs/{self.id}"

    @staticmethod
    def parse(name: str, field: str = "name") -> "JobName":
        """Read `[workspaces/{workspace}/]datasets/{dataset}/jobs/{job}`. Raises InvalidArgument, naming `field`."""
        workspace, dataset, identifier = _groups(_JOB, name, "datasets/{dataset}/jobs/{job}", field)
        return JobName(DatasetName(workspace, dataset), identifier)


@dataclass(frozen=True, slots=True)
class ConnectionName:
    """The name of a connection."""

    workspace: str
    id: str

    def __str__(self) -> str:
        return f"workspaces/{self.workspace}/connections/{self.id}"

    @staticmethod
    def parse(name: str, field: str = "name") -> "ConnectionName":
        """Read `[workspaces/{workspace}/]connections/{connection}`. Raises InvalidArgument, naming `field`."""
        workspace, identifier = _groups(_CONNECTION, name, "connections/{connection}", field)
        return ConnectionName(workspace, identifier)


@dataclass(frozen=True, slots=True)
class ConnectedModel:
    """A model of a connection, by its name at the service, as collections and tags of files name it."""

    connection: ConnectionName
    model: str

    def __str__(self) -> str:
        return f"{self.connection}/models/{self.model}"

    @staticmethod
    def find(name: str) -> "ConnectedModel | None":
        """Return what `{connection}/models/{model}` names; None for a model of this mesh."""
        match = _CONNECTED_MODEL.fullmatch(name)
        return ConnectedModel(ConnectionName(match[1], match[2]), match[3]) if match else None


def file_id_of(uri: str) -> str:
    """Return the id of the file at `uri`: `f` and 128 bits of its BLAKE2b."""
    return f"f{hashlib.blake2b(uri.encode(errors='surrogateescape'), digest_size=16).hexdigest()}"


def _groups(pattern: re.Pattern[str], name: str, shown: str, field: str) -> tuple[str, ...]:
    match = pattern.fullmatch(name)
    if not match:
        raise _invalid(name, f"[workspaces/{{workspace}}/]{shown}", field)
    workspace, *rest = match.groups()
    return workspace or DEFAULT_WORKSPACE, *rest


def _invalid(name: str, pattern: str, field: str) -> InvalidArgument:
    shown = name if len(name) <= 80 else f"{name[:77]}..."
    return InvalidArgument(
        f"{field}: {shown!r} does not follow the pattern {pattern}", reason=Reason.NAME_INVALID, field=field
    )
