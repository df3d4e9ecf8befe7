"""Datasets, their files and jobs, for people."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from sensorium.model.dataset import Dataset
    from sensorium.model.dataset_file import FileRecord, FileStatistics
    from sensorium.model.dataset_job import Job


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
    lines = [f"{found.file_count:,} files, {found.size_bytes:,} bytes"]
    for facet in found.facets:
        lines.append(f"{facet.field}: {facet.value_count:,} values")
        lines += [f"  {value or '(none)'}  {count:,}" for value, count in facet.counts]
    return "\n".join(lines)


def job_line(job: "Job") -> str:
    """Return a job with its state and counts."""
    counts = f"{job.succeeded_count:,} done, {job.failed_count:,} failed, {job.skipped_count:,} as they were"
    why = f"  {job.error.message}" if job.error else ""
    return f"{job.name}  {job.state.value}  {counts}, of {job.total_count:,}{why}"


def plan_line(job: "Job") -> str:
    """Return what a job would do."""
    seconds = "" if job.remaining_ms is None else f", about {job.remaining_ms / 1000:,.0f} s"
    return f"it would work on {job.total_count:,} files{seconds}"
