"""Opens the storage of a dataset version: a connection with its secrets, and a URI within it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import S3Store

from sensorium.dataset.storages.file_sink import FileSink
from sensorium.dataset.storages.file_store import FileStore
from sensorium.dataset.storages.local_files import LocalFiles, path_of, refused
from sensorium.dataset.storages.local_sink import LocalSink
from sensorium.dataset.storages.object_files import ObjectFiles
from sensorium.dataset.storages.object_sink import ObjectSink
from sensorium.errors import FailedPrecondition, InvalidArgument, Reason
from sensorium.model.connection import ConnectionKind, ConnectionSpec

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

_RETRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
_SECRETS: Mapping[ConnectionKind, Mapping[str, str]] = {
    ConnectionKind.S3: {
        "access_key_id": "access_key_id",
        "secret_access_key": "secret_access_key",
        "session_token": "session_token",
    },
    ConnectionKind.OSS: {
        "access_key_id": "access_key_id",
        "access_key_secret": "secret_access_key",
        "security_token": "session_token",
    },
}


@dataclass(frozen=True, slots=True)
class Purpose:
    """What folders of this machine are for, and the setting that allows it."""

    verb: str
    setting: str


READING = Purpose("read", "SENSORIUM_DATASET__ROOTS")
WRITING = Purpose("written", "SENSORIUM_DATASET__EXPORT_ROOTS")


def open_files(connection: ConnectionSpec | None, uri: str, roots: Sequence[Path]) -> FileStore:
    """Return the files at `uri` of a storage connection; without one, those of a folder under `roots`.

    Raises:
        InvalidArgument: URI_REFUSED: the URI is outside the connection or the roots; or the connection is no storage.
        FailedPrecondition: No roots are configured.
    """
    match connection:
        case None:
            return LocalFiles(_allowed(path_of(_as_uri(uri)), roots))
        case ConnectionSpec(kind=ConnectionKind.LOCAL, configs=configs):
            root = _allowed(Path(configs["root"]), roots)
            return LocalFiles(_below(root, uri))
        case ConnectionSpec(kind=ConnectionKind.S3 | ConnectionKind.OSS):
            return ObjectFiles(*_bucket(connection, uri))
        case _:
            raise InvalidArgument(f"connection: {connection.kind} is no storage", field="connection")


def open_sink(connection: ConnectionSpec | None, uri: str, roots: Sequence[Path]) -> FileSink:
    """Return what writes at `uri` of a storage connection; without one, to a folder under `roots`.

    Raises:
        InvalidArgument: URI_REFUSED: the URI is outside the connection or the roots; or the connection is no storage.
        FailedPrecondition: No roots are configured.
    """
    match connection:
        case None:
            return LocalSink(_allowed(path_of(_as_uri(uri)), roots, WRITING))
        case ConnectionSpec(kind=ConnectionKind.LOCAL, configs=configs):
            root = Path(os.path.realpath(configs["root"]))
            return LocalSink(_allowed(_below(root, uri), roots, WRITING))
        case ConnectionSpec(kind=ConnectionKind.S3 | ConnectionKind.OSS):
            return ObjectSink(*_bucket(connection, uri))
        case _:
            raise InvalidArgument(f"connection: {connection.kind} is no storage", field="connection")


def _allowed(path: Path, roots: Sequence[Path], purpose: Purpose = READING) -> Path:
    """Return a folder with its links resolved, if it is under a root."""
    if not roots:
        raise FailedPrecondition(
            f"no folder of this machine may be {purpose.verb}: set {purpose.setting}", metadata={"file": str(path)}
        )
    resolved = Path(os.path.realpath(path))
    if not path.is_absolute() or not any(resolved.is_relative_to(os.path.realpath(root)) for root in roots):
        raise refused(str(path), f"it is outside the folders of {purpose.setting}")
    return resolved


def _below(root: Path, uri: str) -> Path:
    path = path_of(uri) if uri.startswith("file:") else root / uri.lstrip("/")
    resolved = Path(os.path.realpath(path))
    if not resolved.is_relative_to(root):
        raise refused(uri, f"it is outside the connection's folder {root}")
    return resolved


def _as_uri(uri: str) -> str:
    return f"file://{uri}" if uri.startswith("/") else uri


def _bucket(connection: ConnectionSpec, uri: str) -> tuple[S3Store, str, str]:
    """Return a bucket, what its URIs start with, and the prefix that `uri` means."""
    configs = connection.configs
    bucket, scheme = configs["bucket"], connection.kind.value
    known, given = _SECRETS[connection.kind], connection.secrets
    secrets = cast("S3Config", {theirs: given[ours] for ours, theirs in known.items() if ours in given})
    endpoint = configs.get("endpoint", "")
    hosted = is_hosted(connection)
    if endpoint and hosted:
        endpoint = endpoint.replace("://", f"://{bucket}.", 1)
    config: S3Config = {
        "region": configs.get("region", "us-east-1"),
        "virtual_hosted_style_request": hosted,
        "skip_signature": not secrets,
        **secrets,
    }
    if endpoint:
        config["endpoint"] = endpoint
    timeouts: ClientConfig = {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=5),
        "timeout": timedelta(seconds=30),
    }
    try:
        store = S3Store(bucket, config=config, client_options=timeouts, retry_config=_RETRIES)
    except BaseError as error:
        raise FailedPrecondition(
            "the connection's bucket cannot be opened: its configs or secrets are not complete",
            reason=Reason.CONNECTION_UNUSABLE,
        ) from error
    return store, f"{scheme}://{bucket}/", _prefix(configs, scheme, bucket, uri)


def is_hosted(connection: ConnectionSpec) -> bool:
    """Return whether a bucket is named in the host: OSS takes it there alone, others with an endpoint in the path."""
    in_path = bool(connection.configs.get("endpoint")) and connection.kind is ConnectionKind.S3
    return connection.configs.get("addressing", "path" if in_path else "virtual") == "virtual"


def prefix_of(configs: Mapping[str, str]) -> str:
    """Return what the keys of a bucket's connection start with, without slashes at its ends; empty for all keys."""
    return configs.get("prefix", "").strip("/")


def _prefix(configs: Mapping[str, str], scheme: str, bucket: str, uri: str) -> str:
    """Return the prefix of keys that a URI means: in full below the bucket, or below the connection's own prefix."""
    own = prefix_of(configs)
    if "://" not in uri:
        return "/".join(filter(None, (own, uri.strip("/"))))
    where, _, rest = uri.partition("://")
    host, _, key = rest.partition("/")
    # PAI writes `oss://bucket.endpoint/key`.
    if where != scheme or host not in {bucket, f"{bucket}.{urlsplit(configs.get('endpoint', '')).hostname}"}:
        raise refused(uri, f"it is outside {scheme}://{bucket}")
    prefix = key.strip("/")
    if own and prefix != own and not prefix.startswith(f"{own}/"):
        raise refused(uri, f"it is outside the connection's prefix {own}")
    return prefix
