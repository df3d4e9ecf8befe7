"""The work of a job as JSON, for the catalog."""

from dataclasses import asdict
from typing import Any

from sensorium.dataset.jobs.export_json import export_from_json, export_to_json, storage_from_json, storage_to_json
from sensorium.model.dataset_export import ExportMode, ExportWork, ImportExportWork
from sensorium.model.dataset_file import FileSelection, StatusFilter
from sensorium.model.dataset_job import ImportWork, IndexWork, ReconcileWork, RevertTagsWork, TagWork, Work
from sensorium.model.dataset_names import ConnectionName, JobName
from sensorium.model.names import TagDefinitionName
from sensorium.model.search import TagFilter


def work_to_json(work: Work) -> dict[str, Any]:  # noqa: PLR0911  # One for each kind.
    """Return what is kept of a job's work."""
    match work:
        case ImportWork():
            return {"kind": "import", **asdict(work)}
        case TagWork(definition, version, selection, connection, model):
            kept = {"definition": str(definition), "version": version, "selection": asdict(selection)}
            return {"kind": "tag", **kept, "connection": str(connection or ""), "model": model}
        case IndexWork(model, selection, connection, database):
            kept = {"model": model, "selection": asdict(selection)}
            return {"kind": "index", **kept, "connection": str(connection or ""), "database": str(database or "")}
        case RevertTagsWork(job):
            return {"kind": "revert_tags", "job": str(job)}
        case ExportWork():
            return {"kind": "export", **export_to_json(work)}
        case ReconcileWork():
            return {"kind": "reconcile"}
        case ImportExportWork(source, mode):
            return {"kind": "import_export", "source": storage_to_json(source), "mode": mode.value}


def work_from_json(kept: dict[str, Any]) -> Work:  # noqa: PLR0911  # One for each kind.
    """Return the work that was kept."""
    match kept["kind"]:
        case "import":
            return ImportWork(
                kept["prefix"],
                tuple(kept["include"]),
                tuple(kept["exclude"]),
                kept["keep_vanished"],
                kept["without_media_info"],
            )
        case "tag":
            definition = TagDefinitionName.parse(kept["definition"])
            selection = selection_from_json(kept["selection"])
            return TagWork(definition, kept["version"], selection, _connection(kept), kept.get("model", ""))
        case "index":
            selection = selection_from_json(kept["selection"])
            return IndexWork(kept["model"], selection, _connection(kept), _connection(kept, "database"))
        case "export":
            return export_from_json(kept, selection_from_json(kept["selection"]))
        case "reconcile":
            return ReconcileWork()
        case "import_export":
            return ImportExportWork(storage_from_json(kept["source"]), ExportMode(kept["mode"]))
        case _:
            return RevertTagsWork(JobName.parse(kept["job"]))


def _connection(kept: dict[str, Any], field: str = "connection") -> ConnectionName | None:
    """Return the connection that was kept; jobs of earlier releases kept none."""
    name = kept.get(field, "")
    return ConnectionName.parse(name) if name else None


def selection_from_json(kept: dict[str, Any]) -> FileSelection:
    """Return the selection that was kept."""
    tags = TagFilter(**{name: tuple(given) for name, given in kept["tags"].items()})
    return FileSelection(tuple(kept["ids"]), kept["filter"], tags, StatusFilter(kept["status"]))
