"""The work of a job as JSON, for the catalog."""

from dataclasses import asdict
from typing import Any

from sensorium.model.dataset_file import FileSelection, StatusFilter
from sensorium.model.dataset_job import ImportWork, IndexWork, RevertTagsWork, TagWork, Work
from sensorium.model.dataset_names import JobName
from sensorium.model.names import TagDefinitionName
from sensorium.model.search import TagFilter


def work_to_json(work: Work) -> dict[str, Any]:
    """Return what is kept of a job's work."""
    match work:
        case ImportWork():
            return {"kind": "import", **asdict(work)}
        case TagWork(definition, version, selection):
            kept = {"definition": str(definition), "version": version, "selection": asdict(selection)}
            return {"kind": "tag", **kept}
        case IndexWork(model, selection):
            return {"kind": "index", "model": model, "selection": asdict(selection)}
        case RevertTagsWork(job):
            return {"kind": "revert_tags", "job": str(job)}


def work_from_json(kept: dict[str, Any]) -> Work:
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
            return TagWork(definition, kept["version"], _selection(kept["selection"]))
        case "index":
            return IndexWork(kept["model"], _selection(kept["selection"]))
        case _:
            return RevertTagsWork(JobName.parse(kept["job"]))


def _selection(kept: dict[str, Any]) -> FileSelection:
    tags = TagFilter(**{name: tuple(given) for name, given in kept["tags"].items()})
    return FileSelection(tuple(kept["ids"]), kept["filter"], tags, StatusFilter(kept["status"]))
