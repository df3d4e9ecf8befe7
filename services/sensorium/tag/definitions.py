"""What the store says of tag definitions, in SQL."""

import json
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from sensorium.errors import Aborted, AlreadyExists, NotFound, Reason
from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import DefinitionUpdate, TagDefinition, TagDefinitionSpec, TagSpec
from sensorium.storage import moments
from sensorium.tag.tables import definitions, versions

# A page ends before it would hold more, so that pages of the largest definitions fit into a message.
PAGE_BYTES = 4 << 20


def get(connection: Connection, name: TagDefinitionName, version: int = 0) -> TagDefinition:
    """Return one version of a definition; 0 means the latest.

    Raises:
        NotFound: TAG_DEFINITION_NOT_FOUND.
    """
    return _from_row(_row(connection, name, version))


def by_key(connection: Connection, key: int, version: int) -> TagDefinition | None:
    """Return a version of the definition in row `key`; None when it was deleted."""
    wanted = (versions.c.definition == key) & (versions.c.version == version)
    row = connection.execute(_joined().where(wanted)).one_or_none()
    return None if row is None else _from_row(row)


def key_of(connection: Connection, name: TagDefinitionName) -> int:
    """Return the row of a definition.

    Raises:
        NotFound: TAG_DEFINITION_NOT_FOUND.
    """
    key: int | None = connection.execute(select(definitions.c.key).where(_named(name))).scalar_one_or_none()
    if key is None:
        raise missing(name)
    return key


def page(connection: Connection, workspace: str, after: str, limit: int) -> tuple[list[TagDefinition], bool]:
    """Return up to `limit` definitions with ids beyond `after` in their latest version, and whether there are more."""
    rows = connection.execute(
        _joined()
        .where(
            definitions.c.workspace == workspace,
            definitions.c.id > after,
            versions.c.version == definitions.c.latest,
        )
        .order_by(definitions.c.id)
        .limit(limit + 1)
    )
    return _cut(rows, limit)


def version_page(connection: Connection, key: int, before: int, limit: int) -> tuple[list[TagDefinition], bool]:
    """Return up to `limit` versions below `before`, latest first, and whether there are more."""
    rows = connection.execute(
        _joined()
        .where(versions.c.definition == key, versions.c.version < before)
        .order_by(versions.c.version.desc())
        .limit(limit + 1)
    )
    return _cut(rows, limit)


def create(connection: Connection, name: TagDefinitionName, spec: TagDefinitionSpec) -> TagDefinition:
    """Create a definition as version 1.

    Raises:
        AlreadyExists: One of this name exists.
    """
    if connection.execute(select(definitions.c.key).where(_named(name))).first():
        raise AlreadyExists(f"{name} exists", metadata={"resource": str(name)})
    connection.execute(insert(definitions).values(workspace=name.workspace, id=name.id, latest=1))
    _add_version(connection, key_of(connection, name), 1, spec)
    return get(connection, name)


def change(connection: Connection, wanted: DefinitionUpdate) -> TagDefinition:
    """Make a new version.

    Raises:
        NotFound: TAG_DEFINITION_NOT_FOUND.
        Aborted: CONFLICT: the etag is not that of the latest version.
    """
    row = _row(connection, wanted.name)
    latest = _from_row(row)
    if wanted.etag and wanted.etag != latest.etag:
        raise Aborted(
            f"{wanted.name} changed: its latest version is {latest.version}, of another etag",
            field="tag_definition.etag",
        )
    version = latest.version + 1
    connection.execute(update(definitions).where(definitions.c.key == row.definition).values(latest=version))
    _add_version(connection, row.definition, version, merged(latest.spec, wanted))
    return get(connection, wanted.name)


def delete(connection: Connection, name: TagDefinitionName) -> None:
    """Delete a definition and its versions.

    Raises:
        NotFound: TAG_DEFINITION_NOT_FOUND.
    """
    if not connection.execute(definitions.delete().where(_named(name))).rowcount:
        raise missing(name)


def merged(spec: TagDefinitionSpec, wanted: DefinitionUpdate) -> TagDefinitionSpec:
    """Return `spec` with the fields that an update changes."""
    changes: dict[str, Any] = {field.value: getattr(wanted.spec, field.value) for field in wanted.fields}
    return replace(spec, **changes)


def missing(name: TagDefinitionName, version: int = 0) -> NotFound:
    """Return the error for a definition, or a version of it, that does not exist."""
    what = f"version {version} of {name}" if version else str(name)
    return NotFound(
        f"there is no {what}", reason=Reason.TAG_DEFINITION_NOT_FOUND, metadata={"tag_definition": str(name)}
    )


def _row(connection: Connection, name: TagDefinitionName, version: int = 0) -> Row[Any]:
    wanted = versions.c.version == (version or definitions.c.latest)
    row = connection.execute(_joined().where(_named(name), wanted)).one_or_none()
    if row is None:
        raise missing(name, version)
    return row


def _joined() -> Select[Any]:
    return select(definitions.c.workspace, definitions.c.id, versions).join_from(versions, definitions)


def _named(name: TagDefinitionName) -> Any:
    return (definitions.c.workspace == name.workspace) & (definitions.c.id == name.id)


def _add_version(connection: Connection, key: int, version: int, spec: TagDefinitionSpec) -> None:
    tags = [[each.tag, each.description, each.group, each.threshold] for each in spec.tags]
    connection.execute(
        insert(versions).values(
            definition=key,
            version=version,
            display_name=spec.display_name,
            guide_prompt=spec.guide_prompt,
            tags=tags,
            model=spec.model,
            threshold=spec.threshold,
            max_tag_count=spec.max_tag_count,
            size_bytes=len(json.dumps(tags, ensure_ascii=False).encode()) + len(spec.guide_prompt.encode()),
            etag=uuid.uuid4().hex,
            create_time=moments.now(),
        )
    )


def _cut(rows: Iterable[Row[Any]], limit: int) -> tuple[list[TagDefinition], bool]:
    """Return the definitions of one page, and whether there are more: at least one, `limit` or PAGE_BYTES at most."""
    taken: list[TagDefinition] = []
    size = 0
    for row in rows:
        size += row.size_bytes
        if taken and (len(taken) == limit or size > PAGE_BYTES):
            return taken, True
        taken.append(_from_row(row))
    return taken, False


def _from_row(row: Row[Any]) -> TagDefinition:
    spec = TagDefinitionSpec(
        tags=tuple(TagSpec(*each) for each in row.tags),
        display_name=row.display_name,
        guide_prompt=row.guide_prompt,
        model=row.model,
        threshold=row.threshold,
        max_tag_count=row.max_tag_count,
    )
    name = TagDefinitionName(row.workspace, row.id)
    return TagDefinition(name, spec, row.version, moments.from_micros(row.create_time), row.etag)
