"""Exports as JSON, for the catalog."""

from dataclasses import asdict
from typing import Any

from sensorium.model.dataset_export import (
    ExportFormat,
    ExportMode,
    ExportWork,
    LogicalTarget,
    StorageTarget,
    TagGroup,
)
from sensorium.model.dataset_file import FileSelection
from sensorium.model.dataset_names import ConnectionName, DatasetName


def export_to_json(work: ExportWork) -> dict[str, Any]:
    """Return what is kept of an export."""
    groups = [each.value for each in work.tag_groups]
    return {**_target_to_json(work.target), "selection": asdict(work.selection), "tag_groups": groups}


def export_from_json(kept: dict[str, Any], selection: FileSelection) -> ExportWork:
    """Return the export that was kept."""
    groups = tuple(map(TagGroup, kept["tag_groups"]))
    if "storage" in kept:
        return ExportWork(storage_from_json(kept["storage"]), selection, groups)
    logical = kept["logical"]
    target = LogicalTarget(DatasetName.parse(logical["dataset"]), logical["version"], ExportMode(logical["mode"]))
    return ExportWork(target, selection, groups)


def storage_to_json(target: StorageTarget) -> dict[str, Any]:
    """Return what is kept of a folder."""
    connection = str(target.connection or "")
    return {**asdict(target), "format": target.format.value, "connection": connection}


def storage_from_json(kept: dict[str, Any]) -> StorageTarget:
    """Return the folder that was kept."""
    connection = ConnectionName.parse(kept["connection"]) if kept["connection"] else None
    return StorageTarget(kept["uri"], ExportFormat(kept["format"]), connection, kept["with_files"])


def _target_to_json(target: StorageTarget | LogicalTarget) -> dict[str, Any]:
    match target:
        case StorageTarget():
            return {"storage": storage_to_json(target)}
        case LogicalTarget(dataset, version, mode):
            return {"logical": {"dataset": str(dataset), "version": version, "mode": mode.value}}
