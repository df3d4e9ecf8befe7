"""The fields of files that filters may name, and where statements find them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast

from sensorium.dataset.tables import files
from sensorium.filters.fields import Field, Fields
from sensorium.filters.tokens import tokenized, tokenized_list
from sensorium.model.collection import AttributeType

_TEXT, _INT, _TIME, _LIST = AttributeType.STRING, AttributeType.INT, AttributeType.TIME, AttributeType.STRING_LIST
_META = "meta."
TAG_FIELDS = ("tags", "algorithm_tags", "user_tags", "deleted_tags")

TAGS = Field("tags", _LIST, "tags", tokens=True)
FIELDS = Fields(
    (
        Field("id", _TEXT, "id"),
        Field("uri", _TEXT, "uri"),
        Field("file_name", _TEXT, "file_name", tokens=True),
        Field("file_dir", _TEXT, "file_dir", tokens=True),
        Field("file_type", _TEXT, "file_type"),
        Field("content_type", _TEXT, "content_type"),
        Field("size_bytes", _INT, "size_bytes"),
        Field("fingerprint", _TEXT, "fingerprint"),
        Field("file_create_time", _TIME, "file_create_time"),
        Field("file_update_time", _TIME, "file_update_time"),
        Field("tag_update_time", _TIME, "tag_update_time"),
        Field("width", _INT, "width"),
        Field("height", _INT, "height"),
        Field("duration_ms", _INT, "duration_ms"),
        TAGS,
        Field("algorithm_tags", _LIST, "algorithm_tags"),
        Field("user_tags", _LIST, "user_tags"),
        Field("deleted_tags", _LIST, "deleted_tags"),
        Field("meta_format", _TEXT, "meta.format"),
        Field("meta_mode", _TEXT, "meta.mode"),
        Field("meta_sample_rate", _INT, "meta.sample_rate"),
        Field("meta_channels", _INT, "meta.channels"),
    ),
    # As PAI names them.
    {
        "FileName": "file_name",
        "FileDir": "file_dir",
        "FileType": "file_type",
        "ContentType": "content_type",
        "DataSize": "size_bytes",
        "Uri": "uri",
        "FileFingerPrint": "fingerprint",
        "FileCreateTime": "file_create_time",
        "FileUpdateTime": "file_update_time",
        "TagUpdateTime": "tag_update_time",
        "DatasetFileMetaId": "id",
        "Tags": "tags",
        "Tags.all": "tags",
        "Tags.ai": "algorithm_tags",
        "Tags.any": "tags",
        "Tags.user": "user_tags",
        "Tags.user-delete-ai-tags": "deleted_tags",  # Within quotes, for its hyphens.
        **{f"meta.{name}": f"meta_{name}" for name in ("format", "mode", "sample_rate", "channels")},
    },
)


class FileColumns:
    """Implements `filters.sql.Columns` on the table of files."""

    def scalar(self, field: Field) -> ColumnElement[Any]:
        """Return the value of `field`, which is no list; NULL when there is none."""
        if field.key.startswith(_META):
            value = files.c.attributes[field.key.removeprefix(_META)].as_string()
            return cast(value, BigInteger) if field.type is _INT else value
        return files.c[field.key]

    def texts(self, field: Field) -> ColumnElement[Any]:
        """Return the list `field` as JSON."""
        return files.c[field.key]

    def tokens(self, field: Field) -> ColumnElement[str]:
        """Return the tokens of `field`; NULL when there are none."""
        tokens: ColumnElement[str] = files.c.tokens[field.key].as_string()
        return tokens


def tokens_of(file_name: str, file_dir: str, tags: list[str]) -> Mapping[str, str]:
    """Return the tokens of a file by the keys of fields; a field without any is left out."""
    found = {"file_name": tokenized(file_name), "file_dir": tokenized(file_dir), "tags": tokenized_list(tags)}
    return {key: text for key, text in found.items() if text}
