"""What datasets, versions and connections may hold."""

import json
import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from sensorium.dataset.model_services.profile import EMBEDDING_KINDS, check_host, profile_of
from sensorium.dataset.storages.opening import is_hosted
from sensorium.errors import InvalidArgument
from sensorium.model.connection import ConnectionKind, ConnectionSpec
from sensorium.model.count_check import check_count
from sensorium.model.dataset import DatasetSpec, Edition, VersionSpec
from sensorium.model.dataset_names import ConnectionName
from sensorium.model.document import INT64, AttributeValue
from sensorium.model.text_check import check_text
from sensorium.settings import DatasetSettings

_REQUIRED: Mapping[ConnectionKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    ConnectionKind.LOCAL: (("root",), ()),
    ConnectionKind.S3: (("bucket",), ()),
    ConnectionKind.OSS: (("bucket", "endpoint"), ("access_key_id", "access_key_secret")),
    ConnectionKind.DASH_SCOPE: (("base_url",), ("api_key",)),
    ConnectionKind.OPEN_AI: (("base_url",), ()),
    ConnectionKind.EAS: (("base_url",), ("token",)),
    ConnectionKind.EMBEDDED: ((), ()),
    ConnectionKind.MILVUS: (("uri",), ()),
    ConnectionKind.ELASTICSEARCH: (("uri",), ()),
    ConnectionKind.OPEN_SEARCH: (("uri",), ()),
    ConnectionKind.HOLOGRES: (("host", "port", "database"), ()),
    ConnectionKind.LINDORM: (("uri",), ()),
}
_URLS = ("endpoint", "base_url")
# What may stand in the address and the signature of a request to a bucket; the store ends the call at others.
_BUCKET = re.compile(r"(?=.{1,63}\Z)[A-Za-z0-9]+((\.|[_-]+)[A-Za-z0-9]+)*")
_REGION = re.compile(r"[A-Za-z0-9-]*")
_ENDPOINT = re.compile(r"[A-Za-z0-9.:/_~\[\]-]*")
_SECRET = re.compile(r"[!-~]*")


def check_dataset(spec: DatasetSpec, workspace: str, limits: DatasetSettings, field: str = "dataset") -> None:
    """Refuse what cannot be the dataset at `field`. Raises InvalidArgument, naming the field at fault."""
    check_length(spec.display_name, limits.max_display_name_chars, f"{field}.display_name")
    check_length(spec.description, limits.max_description_chars, f"{field}.description")
    check_length(spec.uri, limits.max_uri_chars, f"{field}.uri")
    if spec.edition is Edition.LOGICAL and (spec.uri or spec.connection):
        raise invalid(f"{field}.uri", "a logical dataset has no storage of its own")
    check_workspace(spec.connection, workspace, f"{field}.connection")
    check_labels(spec.labels, limits, f"{field}.labels")
    check_annotations(spec.annotations, limits, f"{field}.annotations")


def check_version(spec: VersionSpec, workspace: str, limits: DatasetSettings, field: str = "dataset_version") -> None:
    """Refuse what cannot be the version at `field`. Raises InvalidArgument, naming the field at fault."""
    check_length(spec.description, limits.max_description_chars, f"{field}.description")
    check_length(spec.uri, limits.max_uri_chars, f"{field}.uri")
    check_workspace(spec.connection, workspace, f"{field}.connection")
    check_labels(spec.labels, limits, f"{field}.labels")
    check_annotations(spec.annotations, limits, f"{field}.annotations")


def check_connection(spec: ConnectionSpec, limits: DatasetSettings, field: str = "connection") -> None:
    """Refuse what cannot be the connection at `field`. Raises InvalidArgument, naming the field at fault."""
    check_length(spec.description, limits.max_description_chars, f"{field}.description")
    check_annotations(spec.configs, limits, f"{field}.configs")
    check_annotations(spec.secrets, limits, f"{field}.secrets")
    check_annotations(spec.annotations, limits, f"{field}.annotations")
    if spec.models:
        check_count(f"{field}.models", len(spec.models), limits.max_models)
    for place, model in enumerate(spec.models):
        check_length(model.model, limits.max_display_name_chars, f"{field}.models[{place}].model")
        check_length(model.display_name, limits.max_display_name_chars, f"{field}.models[{place}].display_name")
    configs, secrets = _REQUIRED[spec.kind]
    _check_present(spec.configs, configs, f"{field}.configs")
    _check_present(spec.secrets, secrets, f"{field}.secrets")
    for name in _URLS:
        if name in spec.configs:
            _check_url(spec.configs[name], f"{field}.configs[{name!r}]")
    if spec.kind in {ConnectionKind.S3, ConnectionKind.OSS}:
        _check_bucket(spec, field)
    if spec.kind in EMBEDDING_KINDS:
        check_host(profile_of(spec).base_url, limits.model_hosts, f"{field}.configs['base_url']")


def check_workspace(name: ConnectionName | None, workspace: str, field: str) -> None:
    """Refuse a connection of another workspace. Raises InvalidArgument."""
    if name and name.workspace != workspace:
        raise invalid(field, f"{name} is not of workspaces/{workspace}")


def check_labels(labels: Mapping[str, str], limits: DatasetSettings, field: str) -> None:
    """Refuse too many labels, and long ones. Raises InvalidArgument."""
    if labels:
        check_count(field, len(labels), limits.max_labels)
    for key, value in labels.items():
        if not key:
            raise invalid(field, "a key is empty")
        check_length(key, limits.max_label_chars, field)
        check_length(value, limits.max_label_chars, f"{field}[{key!r}]")


def check_annotations(texts: Mapping[str, str], limits: DatasetSettings, field: str) -> None:
    """Refuse texts by name that are too large together. Raises InvalidArgument."""
    for name, value in texts.items():
        check_text(name, field)
        check_text(value, field)
    size = len(json.dumps(dict(texts), ensure_ascii=False).encode())
    if size > limits.max_annotations_bytes:
        raise invalid(field, f"it has {size} bytes as JSON, the limit is {limits.max_annotations_bytes}")


def check_attribute(value: AttributeValue | list[str] | None, field: str) -> None:
    """Refuse a whole number beyond 64 bits, and a list with a text that cannot be kept."""
    match value:
        case int() if value not in INT64:
            raise invalid(field, "it does not fit 64 bits")
        case tuple() | list():
            for text in value:
                check_text(text, field)


def check_length(text: str, most: int, field: str) -> None:
    """Refuse a text that is too long, or that no database keeps. Raises InvalidArgument."""
    if len(text) > most:
        raise invalid(field, f"it has {len(text)} characters, the limit is {most}")
    check_text(text, field)


def invalid(field: str, why: str) -> InvalidArgument:
    """Return the error for a field."""
    return InvalidArgument(f"{field}: {why}", field=field)


def _check_present(given: Mapping[str, str], needed: tuple[str, ...], field: str) -> None:
    if missing := [name for name in needed if not given.get(name)]:
        raise invalid(field, f"{', '.join(missing)} must be set")


def _check_bucket(spec: ConnectionSpec, field: str) -> None:
    for name, pattern in (("bucket", _BUCKET), ("region", _REGION), ("endpoint", _ENDPOINT)):
        if not pattern.fullmatch(spec.configs.get(name, "b")):
            raise invalid(f"{field}.configs[{name!r}]", "no address of a bucket looks like this")
    for name, secret in spec.secrets.items():
        if not _SECRET.fullmatch(secret):
            raise invalid(f"{field}.secrets[{name!r}]", "it holds other characters than printable ASCII")
    if is_hosted(spec) and _is_number(urlsplit(spec.configs.get("endpoint", "")).hostname or ""):
        raise invalid(f"{field}.configs['addressing']", "a bucket is not named in a host that is a number: set `path`")


def _is_number(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def _check_url(url: str, field: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise invalid(field, "it is not http(s)://host[:port][/path] without a user")
