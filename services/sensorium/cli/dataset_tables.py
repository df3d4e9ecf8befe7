"""Datasets, their files and jobs, for people."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sensorium.model.dataset_export import ExportWork, ImportExportWork, LogicalTarget
from sensorium.model.dataset_job import RevertTagsWork

if TYPE_CHECKING:
    from rich.table import Table

    from sensorium.model.connection import Connection
    from sensorium.model.dataset import Dataset, DatasetVersion
    from sensorium.model.dataset_file import AlgorithmTag, FileRecord, FileStatistics, TagChange
    from sensorium.model.dataset_job import Job, JobPlan, Work
    from sensorium.model.file_search import FileSearchResponse, NearDuplicateGroup
    from sensorium.model.search import Facet
    from sensorium.model.version_difference import FileDifference


def datasets_table(datasets: "Iterable[Dataset]") -> "Table":
    """Return datasets with the size of their latest version."""
    latest = ((each.name.id, each.latest) for each in datasets)
    return _table(
        ("dataset", "version", "files", "state", "uri"),
        ((name, f"v{of.name.number}", f"{of.file_count:,}", of.state.value, of.spec.uri) for name, of in latest),
    )


def versions_table(versions: "Iterable[DatasetVersion]") -> "Table":
    """Return versions with their size and state, and of one that is being copied how far it is."""
    return _table(
        ("version", "files", "state", "made", "description"),
        (
            (
                f"v{each.name.number}",
                f"{each.file_count:,}" + (f" of {each.copy.total_count:,}" if each.copy else ""),
                each.state.value,
                f"{each.create_time:%m-%d %H:%M}",
                each.spec.description,
            )
            for each in versions
        ),
    )


def version_text(version: "DatasetVersion") -> str:
    """Return all that is known of a version."""
    known = {
        "state": version.state.value,
        "copy": copy_line(version) if version.copy else "",
        "files": f"{version.file_count:,}",
        "bytes": f"{version.size_bytes:,}",
        "uri": version.spec.uri,
        "connection": str(version.spec.connection or ""),
        "index": str(version.collection or ""),
        "made": f"{version.create_time:%Y-%m-%d %H:%M:%S} UTC",
        "published": f"{version.publish_time:%Y-%m-%d %H:%M:%S} UTC" if version.publish_time else "",
        "description": version.spec.description,
    }
    return "\n".join([str(version.name), *(f"{what:12} {value}" for what, value in known.items() if value)])


def copy_line(version: "DatasetVersion") -> str:
    """Return how far the copy of a version is, and why it waits or has failed."""
    copy = version.copy
    if copy is None:
        return f"{version.name} is whole"
    why = f": {copy.error.message}" if copy.error else ""
    return f"{version.name}: {version.file_count:,} of {copy.total_count:,} files of v{copy.source}{why}"


def connections_table(connections: "Iterable[Connection]") -> "Table":
    """Return connections with their settings, and the names of their secrets."""
    return _table(
        ("connection", "kind", "secrets", "settings"),
        (
            (
                each.name.id,
                each.spec.kind.value,
                ", ".join(each.secret_names),
                "\n".join(f"{name}={value}" for name, value in each.spec.configs.items()),
            )
            for each in connections
        ),
    )


def file_line(file: "FileRecord") -> str:
    """Return a file with its size and its effective tags."""
    path = "/".join(filter(None, (file.file_dir, file.file_name)))
    tags = ", ".join(file.tags.effective)
    return f"{path}  {file.size_bytes:,} bytes" + (f"  {tags}" if tags else "")


def file_text(file: "FileRecord", edits: "Iterable[TagChange]") -> str:
    """Return all that is known of a file: metadata, tags with where they come from, and how they changed."""
    what = {
        "uri": file.uri,
        "type": file.content_type,
        "bytes": f"{file.size_bytes:,}",
        "pixels": f"{file.width:,} x {file.height:,}" if file.width else "",
        "seconds": f"{file.duration_ms / 1000:,.1f}" if file.duration_ms else "",
        "modified": f"{file.file_update_time:%Y-%m-%d %H:%M:%S} UTC",
        "fingerprint": file.fingerprint,
        **{name: str(value) for name, value in file.attributes.items()},
        "indexed": f"{file.index_time:%Y-%m-%d %H:%M:%S} UTC by {file.index_job}" if file.index_time else "no",
        "people": ", ".join(file.tags.user),
        "hidden": ", ".join(file.tags.user_deleted),
    }
    lines = [f"{name:12} {value}" for name, value in what.items() if value]
    return "\n".join([*lines, *map(_tag_line, file.tags.algorithm), *map(_edit_line, edits)])


def _tag_line(given: "AlgorithmTag") -> str:
    tag, source = given.tag, f"{given.definition.id} {given.definition_version} with {given.model}, {given.job}"
    return f"{'algorithm':12} {tag.tag} {tag.score:.2f} (similarity {tag.evidence.similarity:.2f}), by {source}"


def _edit_line(edit: "TagChange") -> str:
    tags = [*(f"+{tag}" for tag in edit.added), *(f"-{tag}" for tag in edit.removed)]
    return f"{'changed':12} {edit.create_time:%Y-%m-%d %H:%M:%S} UTC, {edit.kind.value}: {', '.join(tags)}"


def statistics_lines(found: "FileStatistics") -> str:
    """Return counts as lines."""
    return "\n".join([f"{counted(found.file_count, 'file')}, {found.size_bytes:,} bytes", *_facet_lines(found.facets)])


def hits_lines(found: "FileSearchResponse") -> str:
    """Return hits as lines behind the count of all that match: score, relevance where there is one, and the file."""
    count = f"{counted(found.match_count, 'file')} match" + ("es" if found.match_count == 1 else "")
    return "\n".join([count, *_hit_lines(found), *_facet_lines(found.facets)])


def more_hits_lines(found: "FileSearchResponse") -> str:
    """Return the hits of a later page as lines."""
    return "\n".join(_hit_lines(found))


def _hit_lines(found: "FileSearchResponse") -> list[str]:
    lines = []
    scored = any(hit.score for hit in found.hits)  # a list without a query has no scores
    for hit in found.hits:
        sure = "" if hit.relevance is None else f" ({hit.relevance:.0%})"
        lines.append(f"{hit.rank}. " + (f"{hit.score:.3f}{sure}  " if scored else "") + file_line(hit.file))
    return lines


def twins_lines(group: "NearDuplicateGroup") -> str:
    """Return a group of files that are almost the same as lines."""
    return "\n".join([f"{group.least_score:.3f}", *(f"  {file_line(each)}" for each in group.files)])


def difference_line(each: "FileDifference") -> str:
    """Return one file that differs, with the tags that came and went."""
    tags = [*(f"+{tag}" for tag in each.added_tags), *(f"-{tag}" for tag in each.removed_tags)]
    return "  ".join([each.kind.value, each.uri, *tags])


def _table(columns: "Sequence[str]", rows: "Iterable[Sequence[str]]") -> "Table":
    """Return a table whose cells are shown as they are, and whose last column alone is broken into lines."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    for column in columns:
        table.add_column(column, no_wrap=column != columns[-1])
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _facet_lines(facets: "Iterable[Facet]") -> list[str]:
    lines = []
    for facet in facets:
        lines.append(f"{facet.field}: {counted(facet.value_count, 'value')}")
        lines += [f"  {'(none)' if value == '' else value}  {count:,}" for value, count in facet.counts]
    return lines


def counted(count: int, noun: str) -> str:
    """Return a number of things."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def job_line(job: "Job") -> str:
    """Return a job with its state and counts."""
    return "  ".join(filter(None, (_job_id(job), work_word(job.spec.work), job.state.value, _counts(job), _why(job))))


def jobs_table(jobs: "Iterable[Job]") -> "Table":
    """Return jobs with where they stand."""
    return _table(
        ("job", "work", "version", "state", "began", "files"),
        (
            (
                _job_id(job),
                work_word(job.spec.work),
                f"v{job.spec.version.number}",
                job.state.value,
                f"{job.start_time:%m-%d %H:%M}" if job.start_time else "",
                "\n".join(filter(None, (_counts(job), _why(job)))),
            )
            for job in jobs
        ),
    )


def job_text(job: "Job") -> str:
    """Return all that is known of a job."""
    known = {
        "version": str(job.spec.version),
        "mode": job.spec.mode.value,
        "concurrency": str(job.spec.concurrency),
        "description": job.spec.description,
        "made": f"{job.create_time:%Y-%m-%d %H:%M:%S} UTC",
        "began": f"{job.start_time:%Y-%m-%d %H:%M:%S} UTC" if job.start_time else "",
        "ended": f"{job.end_time:%Y-%m-%d %H:%M:%S} UTC" if job.end_time else "",
        "files/s": f"{job.rate:,.0f}" if job.rate else "",
        "seconds left": "" if job.remaining_ms is None else f"{job.remaining_ms / 1000:,.0f}",
    }
    lines = [f"{what:12}  {value}" for what, value in known.items() if value]
    return "\n".join([job_line(job), *lines, *job.logs])


def work_word(work: "Work") -> str:
    """Return what a job does, as the command that starts it is called."""
    match work:
        case ExportWork(target=LogicalTarget()):
            return "export-to"
        case ImportExportWork():
            return "import-export"
        case RevertTagsWork():
            return "revert"
        case _:
            return type(work).__name__.removesuffix("Work").lower()


def _job_id(job: "Job") -> str:
    return f"{job.name.dataset.id}/{job.name.id}"


def _counts(job: "Job") -> str:
    others = {"failed": job.failed_count, "as they were": job.skipped_count}
    told = [f"{count:,} {what}" for what, count in others.items() if count]
    return ", ".join([f"{job.succeeded_count:,} of {job.total_count:,}", *told])


def _why(job: "Job") -> str:
    return job.error.message if job.error else ""


def plan_line(job: "Job") -> str:
    """Return what a job would do, and under it what it would change."""
    seconds = "" if job.remaining_ms is None else f", about {job.remaining_ms / 1000:,.0f} s"
    line = f"it would work on {counted(job.total_count - job.skipped_count, 'file')}{seconds}"
    changes = _changes(job.plan) if job.plan else []
    return f"{line}\n  {', '.join(changes)}" if changes else line


def _changes(plan: "JobPlan") -> list[str]:
    told = {
        "to add": plan.added_count,
        "to change": plan.changed_count,
        "to remove": plan.removed_count,
        "as they are": plan.unchanged_count,
        "cannot be taken": plan.refused_count,
        "tags to add": plan.added_tag_count,
        "tags to remove": plan.removed_tag_count,
    }
    return [f"{count:,} {what}" for what, count in told.items() if count]
