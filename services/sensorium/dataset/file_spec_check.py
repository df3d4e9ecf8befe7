"""What a file record may say that a call brings."""

import math
import re
from collections.abc import Mapping
from urllib.parse import unquote

from sensorium.dataset.checks import check_annotations, check_attribute, check_length, invalid
from sensorium.dataset.storages.file_store import FileStore
from sensorium.errors import InvalidArgument, Reason
from sensorium.model.count_check import check_count
from sensorium.model.document import AttributeValue
from sensorium.model.file_batch import FileField, FileSpec
from sensorium.settings import DatasetSettings

_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}/[A-Za-z0-9][A-Za-z0-9.+_-]{0,127}")
_NUMBERS = (FileField.SIZE, FileField.WIDTH, FileField.HEIGHT, FileField.DURATION)
_LARGEST = {FileField.WIDTH: (1 << 31) - 1, FileField.HEIGHT: (1 << 31) - 1}
_MOST_TEXTS = 256


def check_spec(spec: FileSpec, fields: tuple[FileField, ...], limits: DatasetSettings, where: str) -> None:
    """Refuse what the given fields of the record at `where` cannot be. Raises InvalidArgument, naming the field."""
    if FileField.COMMENT in fields:
        check_length(spec.comment, limits.max_description_chars, f"{where}.comment")
    if FileField.ATTRIBUTES in fields:
        _check_attributes(spec.attributes, limits, f"{where}.attributes")
    if FileField.CONTENT_TYPE in fields and not _CONTENT_TYPE.fullmatch(spec.content_type):
        raise invalid(f"{where}.content_type", "it is no MIME type as in image/jpeg")
    if FileField.FINGERPRINT in fields:
        if not spec.fingerprint:
            raise invalid(f"{where}.fingerprint", "it must be set")
        check_length(spec.fingerprint, limits.max_uri_chars, f"{where}.fingerprint")
    if FileField.FILE_UPDATE_TIME in fields and spec.file_update_time is None:
        raise invalid(f"{where}.file_update_time", "it must be set")
    for field in (each for each in _NUMBERS if each in fields):
        number = getattr(spec, field.value)
        if not 0 <= number <= _LARGEST.get(field, (1 << 63) - 1):
            raise invalid(f"{where}.{field.value}", f"{number} is out of range")


def path_in(storage: FileStore, uri: str, limits: DatasetSettings, field: str) -> str:
    """Return the path of a URI below that of the version.

    Raises:
        InvalidArgument: URI_REFUSED when it lies elsewhere, or FIELD_INVALID when it is no URI of a file there.
        FailedPrecondition: The version has no storage of its own.
    """
    check_length(uri, limits.max_uri_chars, field)
    base = storage.uri_of("").rstrip("/") + "/"
    written = uri.removeprefix(base)
    if not uri or written == uri:
        raise InvalidArgument(f"{field}: it is not below {base}", reason=Reason.URI_REFUSED, field=field)
    path = unquote(written, errors="surrogateescape") if base.startswith("file:") else written
    if any(part in {"", ".", ".."} for part in path.split("/")):
        raise invalid(field, "it is no file, for a part of its path is empty, . or ..")
    try:
        meant = storage.uri_of(path)
    except UnicodeEncodeError:
        meant = ""
    if meant != uri:
        raise invalid(field, f"it is written {meant!r}" if meant else "it is no URI of a file")
    return path


def _check_attributes(attributes: Mapping[str, AttributeValue], limits: DatasetSettings, field: str) -> None:
    for name, value in attributes.items():
        where = f"{field}[{name!r}]"
        match value:
            case tuple() if value:
                check_count(where, len(value), _MOST_TEXTS)
            case tuple() | str() | int():
                pass
            case float() if math.isfinite(value):
                pass
            case _:
                raise invalid(where, "it is no text, finite number, truth or list of texts")
        check_attribute(value, where)
    check_annotations({name: str(value) for name, value in attributes.items()}, limits, field)
