"""Results as tables for people."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from sensorium.client import Document, Facet, Hit, Hits, SearchPlan
    from sensorium.model.collection import Alias, Collection
    from sensorium.model.embedding import ModelInfo
    from sensorium.model.job import CollectionJob, Snapshot
    from sensorium.model.key import Key
    from sensorium.model.tagging import TagDefinition
    from sensorium.model.usage import UsageRecord

TEXT_WIDTH = 60


def found_table(found: "Hits") -> "Group":
    """Return hits or groups of hits, and below them the facets."""
    from rich.console import Group

    groups = [hits_table(group.hits, title=_value(group.value)) for group in found.groups]
    facets = [_facet_table(facet) for facet in found.facets]
    hits = [hits_table(found)] if len(found) or not groups else []
    return Group(*hits, *groups, *facets)


def plan_text(plan: "SearchPlan", what: str = "documents") -> str:
    """Return a plan as lines."""
    steps = (f"{place}. {step}" for place, step in enumerate(plan.steps, 1))
    return "\n".join([plan.canonical_filter or "(no filter)", f"{plan.match_count:,} {what} match", *steps])


def _facet_table(facet: "Facet") -> "Table":
    table = _table(facet.field, "count", title=f"{facet.value_count:,} values")
    for value, count in facet.counts:
        _add(table, _value(value), f"{count:,}")
    return table


def _value(value: object) -> str:
    return "(none)" if value is None else str(value)


def hits_table(hits: "Iterable[Hit]", title: str = "") -> "Table":
    """Return hits, nearest first, with their scores and what their attributes say."""
    table = _table("rank", "score", "id", "attributes", "tags", title=title)
    for hit in hits:
        document = hit.document
        _add(table, str(hit.rank), f"{hit.score:.3f}", document.id, _attributes(document), ", ".join(document.tags))
    return table


def aliases_table(aliases: "Iterable[Alias]") -> "Table":
    """Return aliases with their collections."""
    table = _table("alias", "collection", "set at")
    for each in aliases:
        _add(table, each.name.id, each.collection.id, f"{each.update_time:%Y-%m-%d %H:%M:%S} UTC")
    return table


def snapshots_table(snapshots: "Iterable[Snapshot]") -> "Table":
    """Return snapshots with their size."""
    table = _table("snapshot", "documents", "bytes", "made at")
    for each in snapshots:
        made = f"{each.create_time:%Y-%m-%d %H:%M:%S} UTC"
        _add(table, each.name.id, f"{each.document_count:,}", f"{each.size_bytes:,}", made)
    return table


def jobs_table(jobs: "Iterable[CollectionJob]") -> "Table":
    """Return jobs with where they stand."""
    table = _table("job", "collection", "work", "state", "done", "why")
    for each in jobs:
        done = f"{each.done_count:,} of {each.total_count:,}"
        work = type(each.work).__name__.removesuffix("Work").lower()
        why = each.error.message if each.error else ""
        _add(table, each.name.id, each.name.collection.id, work, each.state.value, done, why)
    return table


def collections_table(collections: "Iterable[Collection]") -> "Table":
    """Return collections with their size and the space of their vectors."""
    table = _table("collection", "documents", "model", "dimension", "metric", "description")
    for each in collections:
        count = f"{each.document_count:,}" + (f" ({each.pending_count:,} being indexed)" if each.pending_count else "")
        _add(table, each.id, count, each.model or "-", str(each.dimension), each.metric, each.description)
    return table


def documents_table(documents: "Iterable[Document]") -> "Table":
    """Return documents with their tags and attributes."""
    table = _table("id", "attributes", "tags", "written")
    for each in documents:
        written = each.update_time.isoformat(" ", "seconds") if each.update_time else ""
        _add(table, each.id, _attributes(each), ", ".join(each.tags), written)
    return table


def models_table(models: "Sequence[ModelInfo]") -> "Group":
    """Return embedding models with their state, what they take and give, and their licences below."""
    from rich.console import Group
    from rich.text import Text

    table = _table("model", "state", "revision", "takes", "dimension", "tokens")
    for each in models:
        _add(
            table,
            each.name,
            each.state,
            each.revision,
            ", ".join(each.modalities),
            str(each.dimension),
            str(each.max_token_count),
        )
    return Group(table, *(Text(f"Licence of {each.name}: {each.license}.") for each in models))


def definitions_table(definitions: "Iterable[TagDefinition]") -> "Table":
    """Return versions of tag definitions with how many tags they have."""
    table = _table("definition", "version", "tags", "model", "name", "made")
    for each in definitions:
        spec, made = each.spec, f"{each.create_time:%Y-%m-%d %H:%M}"
        _add(table, each.name.id, str(each.version), str(len(spec.tags)), spec.model or "-", spec.display_name, made)
    return table


def definition_line(definition: "TagDefinition") -> str:
    """Return a version of a tag definition with how many tags it has, and whose model compares them."""
    spec = definition.spec
    model = f" by {spec.model}" if spec.model else ""
    return f"{definition.name.id}, version {definition.version}: {len(spec.tags)} tags{model}"


def keys_table(keys: "Iterable[Key]", now: datetime) -> "Table":
    """Return keys with what they may do, and whether they still may."""
    table = _table("key", "name", "role", "state", "reaches", "a minute", "made", "expires")
    for key in keys:
        spec = key.spec
        rates = {"requests": spec.requests_per_minute, "tokens": spec.tokens_per_minute}
        _add(
            table,
            key.id,
            spec.name,
            spec.role,
            key.state(now),
            "/".join(filter(None, (spec.workspace, ", ".join(spec.collections)))) or "all",
            "\n".join(f"{rate:,} {unit}" for unit, rate in rates.items() if rate),
            key.create_time.date().isoformat(),
            spec.expire_time.date().isoformat() if spec.expire_time else "",
        )
    return table


def usage_table(records: "Iterable[UsageRecord]") -> "Table":
    """Return what was consumed, each modality in the unit of its model."""
    table = _table("from", "workspace", "key", "model", "calls", "tokens", "consumed")
    for each in records:
        _add(
            table,
            f"{each.start:%Y-%m-%d %H:%M}",
            each.workspace,
            each.key_id or "(none)",
            each.model,
            f"{each.call_count:,}",
            f"{each.usage.token_count:,}",
            "\n".join(f"{part.measure:,g} {part.modality}" for part in each.usage.modalities),
        )
    return table


def tags_table(definition: "TagDefinition") -> "Table":
    """Return the tags of a definition with their thresholds, those of the definition included."""
    title = f"{definition.name.id}, version {definition.version}, etag {definition.etag}"
    table = _table("tag", "group", "threshold", "description", title=title)
    for each in definition.spec.tags:
        threshold = definition.spec.threshold_of(each)
        _add(table, each.tag, each.group, "the model's" if threshold is None else f"{threshold:g}", each.description)
    return table


def _table(*columns: str, title: str = "") -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        numeric = column in {"rank", "score", "documents", "dimension", "tokens", "count", "threshold", "version"}
        whole = column in {"collection", "definition", "key", "model", "revision"}
        table.add_column(column, justify="right" if numeric else "left", no_wrap=whole, overflow="fold")
    return table


def _add(table: "Table", *cells: str) -> None:
    """Add a row whose cells are shown as they are: what users wrote is no markup."""
    from rich.text import Text

    table.add_row(*map(Text, cells))


def _attributes(document: "Document") -> str:
    """Return the attributes in one cell, each cut to a readable length."""
    return "\n".join(f"{name}: {_cut(str(value))}" for name, value in document.attributes.items())


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= TEXT_WIDTH else f"{flat[: TEXT_WIDTH - 1]}…"
