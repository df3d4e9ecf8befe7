"""Datasets, their files and jobs, for people."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from sensorium.model.dataset import Dataset
    from sensorium.model.dataset_file import FileRecord, FileStatistics
    from sensorium.model.dataset_job import Job
    from sensorium.model.file_search import FileSearchResponse, NearDuplicateGroup
    from sensorium.model.search import Facet
    from sensorium.model.version_difference import FileDifference


def datasets_table(datasets: "Iterable[Dataset]") -> "Table":
    """Return datasets with the size of their latest version."""
    from rich.table import Table
    from rich.text import Text

    table = Table("dataset", "version", "files", "state", "uri", box=None)
    for each in datasets:
        latest = each.latest
        cells = (each.name.id, f"v{latest.name.number}", f"{latest.file_count:,}", latest.state.value, latest.spec.uri)
        table.add_row(*map(Text, cells))
    return table


def file_line(file: "FileRecord") -> str:
    """Return a file with its size and its effective tags."""
    path = "/".join(filter(None, (file.file_dir, file.file_name)))
    tags = ", ".join(file.tags.effective)
    return f"{path}  {file.size_bytes:,} bytes" + (f"  {tags}" if tags else "")


def statistics_lines(found: "FileStatistics") -> str:
    """Return counts as lines."""
    return "\n".join([f"{found.file_count:,} files, {found.size_bytes:,} bytes", *_facet_lines(found.facets)])


def hits_lines(found: "FileSearchResponse") -> str:
    """Return hits as lines: score, relevance where there is one, and the file."""
    lines = [f"{found.match_count:,} files match"]
    for hit in found.hits:
        sure = "" if hit.relevance is None else f" ({hit.relevance:.0%})"
        lines.append(f"{hit.rank}. {hit.score:.3f}{sure}  {file_line(hit.file)}")
    return "\n".join([*lines, *_facet_lines(found.facets)])


def twins_lines(group: "NearDuplicateGroup") -> str:
    """Return a group of files that are almost the same as lines."""
    return "\n".join([f"{group.least_score:.3f}", *(f"  {file_line(each)}" for each in group.files)])


def difference_line(each: "FileDifference") -> str:
    """Return one file that differs, with the tags that came and went."""
    tags = [*(f"+{tag}" for tag in each.added_tags), *(f"-{tag}" for tag in each.removed_tags)]
    return "  ".join([each.kind.value, each.uri, *tags])


def _facet_lines(facets: "Iterable[Facet]") -> list[str]:
    lines = []
    for facet in facets:
        lines.append(f"{facet.field}: {facet.value_count:,} values")
        lines += [f"  {value or '(none)'}  {count:,}" for value, count in facet.counts]
    return lines


def job_line(job: "Job") -> str:
    """Return a job with its state and counts."""
    counts = f"{job.succeeded_count:,} done, {job.failed_count:,} failed, {job.skipped_count:,} as they were"
    why = f"  {job.error.message}" if job.error else ""
    return f"{job.name}  {job.state.value}  {counts}, of {job.total_count:,}{why}"


def plan_line(job: "Job") -> str:
    """Return what a job would do."""
    seconds = "" if job.remaining_ms is None else f", about {job.remaining_ms / 1000:,.0f} s"
    return f"it would work on {job.total_count:,} files{seconds}"
