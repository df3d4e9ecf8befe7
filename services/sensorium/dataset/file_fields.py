"""The fields of files that filters may name, and where statements find them."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, select

from sensorium.dataset.tables import files
from sensorium.filters.fields import Field, Fields
from sensorium.filters.free_sql import Holder
from sensorium.filters.json_rows import members
from sensorium.filters.tokens import stored_tokens, tokenized, tokenized_list
from sensorium.filters.tree import Filter, fields_in
from sensorium.model.collection import AttributeType

_TEXT, _INT, _TIME, _LIST = AttributeType.STRING, AttributeType.INT, AttributeType.TIME, AttributeType.STRING_LIST
# What the names of attributes begin with, whoever gave them.
META = "meta."
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
        Field("index_job", _TEXT, "index_job"),
        Field("index_time", _TIME, "index_time"),
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
        "SemanticIndexJobId": "index_job",
        "SemanticIndexUpdateTime": "index_time",
        # As those that an import reads were called before callers could give others.
        **{f"meta_{name}": f"{META}{name}" for name in ("format", "mode", "sample_rate", "channels")},
    },
    open_prefix=META,
)


class FileColumns:
    """Implements `filters.sql.Columns` on the table of files."""

    def scalar(self, field: Field) -> ColumnElement[Any]:
        """Return the value of `field`, which is no list; NULL when there is none."""
        column = files.c[field.key]
        return func.nullif(column, "") if field.key == "index_job" else column

    def texts(self, field: Field) -> ColumnElement[Any]:
        """Return the list `field` as JSON."""
        return files.c[field.key]

    def tokens(self, field: Field) -> ColumnElement[str]:
        """Return the tokens of `field`; NULL when there are none."""
        tokens: ColumnElement[str] = files.c.tokens[field.key].as_string()
        return tokens

    def holder(self, field: Field) -> Holder:
        """Return where an attribute is."""
        rows = members(files.c.tokens)
        tokens = select(rows.c.value).where(rows.c.key == field.key).scalar_subquery()
        return Holder(files.c.attributes, field.key.removeprefix(META), tokens)


def attributes_in(part: Filter) -> frozenset[str]:
    """Return the keys of the attributes that a filter names."""
    return frozenset(each.key for each in fields_in(part) if each.type is None)


def tokens_of(file_name: str, file_dir: str, tags: Iterable[str], attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the tokens of a file by the keys of fields; a field without any, or with plain ones, is left out."""
    found = {"file_name": tokenized(file_name), "file_dir": tokenized(file_dir), "tags": tokenized_list(tags)}
    return {key: text for key, text in found.items() if text} | attribute_tokens(attributes)


def attribute_tokens(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the tokens of attributes by the keys of fields, but for those that are plain (`tokens.stored_tokens`)."""
    found: dict[str, str] = {}
    for name, value in attributes.items():
        match value:
            case str() if (tokens := stored_tokens(value)) is not None:
                found[f"{META}{name}"] = tokens
            case list() | tuple():
                found[f"{META}{name}"] = tokenized_list(value)
    return found
