"""The second format: files, their tags, jobs with their ledgers, and the outbox of search documents."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    _make_files()
    _make_taggings()
    _make_tag_edits()
    _make_jobs()
    _make_job_files()
    _make_outbox()


def _make_files() -> None:
    op.create_table(
        "files",
        sa.Column("key", INT64, primary_key=True, autoincrement=True),
        sa.Column("version", INT64, sa.ForeignKey("versions.key", ondelete="CASCADE"), nullable=False),
        sa.Column("id", ID_TEXT, nullable=False),
        sa.Column("uri", ID_TEXT, nullable=False),
        sa.Column("file_name", sa.String, nullable=False),
        sa.Column("file_dir", sa.String, nullable=False),
        sa.Column("file_type", sa.String, nullable=False),
        sa.Column("content_type", sa.String, nullable=False),
        sa.Column("size_bytes", INT64, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("file_create_time", INT64),
        sa.Column("file_update_time", INT64, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("duration_ms", INT64, nullable=False),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("tokens", sa.JSON, nullable=False),
        sa.Column("comment", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("algorithm_tags", sa.JSON, nullable=False),
        sa.Column("user_tags", sa.JSON, nullable=False),
        sa.Column("deleted_tags", sa.JSON, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("tag_update_time", INT64),
        sa.Column("import_job", sa.String, nullable=False),
        sa.Column("index_job", sa.String, nullable=False),
        sa.Column("index_of", sa.String, nullable=False),
        sa.Column("index_time", INT64),
        sa.Column("create_time", INT64, nullable=False),
        sa.Column("update_time", INT64, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("files_by_uri", "files", ["version", "uri"], unique=True)
    op.create_index("files_by_id", "files", ["version", "id"], unique=True)


def _make_taggings() -> None:
    op.create_table(
        "taggings",
        sa.Column("file", INT64, sa.ForeignKey("files.key", ondelete="CASCADE"), primary_key=True, autoincrement=False),
        sa.Column("job", ID_TEXT, primary_key=True),
        sa.Column("definition", sa.String, nullable=False),
        sa.Column("definition_version", sa.Integer, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("model_revision", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("superseded_by", ID_TEXT, nullable=False),
        sa.Column("create_time", INT64, nullable=False),
    )
    op.create_index("taggings_by_job", "taggings", ["job"])


def _make_tag_edits() -> None:
    op.create_table(
        "tag_edits",
        sa.Column("key", INT64, primary_key=True, autoincrement=True),
        sa.Column("file", INT64, sa.ForeignKey("files.key", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("added", sa.JSON, nullable=False),
        sa.Column("removed", sa.JSON, nullable=False),
        sa.Column("job", sa.String, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.Column("create_time", INT64, nullable=False),
    )
    op.create_index("tag_edits_by_file", "tag_edits", ["file", "key"])


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("key", INT64, primary_key=True, autoincrement=True),
        sa.Column("id", ID_TEXT, nullable=False, unique=True),
        sa.Column("version", INT64, sa.ForeignKey("versions.key", ondelete="CASCADE"), nullable=False),
        sa.Column("description", sa.String, nullable=False),
        sa.Column("work", sa.JSON, nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("concurrency", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("wanted", sa.String, nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("prepared", sa.Integer, nullable=False),
        sa.Column("total", INT64, nullable=False),
        sa.Column("succeeded", INT64, nullable=False),
        sa.Column("failed", INT64, nullable=False),
        sa.Column("skipped", INT64, nullable=False),
        sa.Column("rate_count", INT64, nullable=False),
        sa.Column("rate_start", INT64, nullable=False),
        sa.Column("error", sa.JSON, nullable=False),
        sa.Column("logs", sa.JSON, nullable=False),
        sa.Column("create_time", INT64, nullable=False),
        sa.Column("start_time", INT64),
        sa.Column("progress_time", INT64),
        sa.Column("end_time", INT64),
        sqlite_autoincrement=True,
    )
    op.create_index("jobs_by_version", "jobs", ["version", "key"])


def _make_job_files() -> None:
    op.create_table(
        "job_files",
        sa.Column("job", INT64, sa.ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True, autoincrement=False),
        sa.Column("uri", ID_TEXT, primary_key=True),
        sa.Column("file", INT64, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease", sa.String, nullable=False),
        sa.Column("lease_until", INT64, nullable=False),
        sa.Column("error", sa.JSON, nullable=False),
        sa.Column("end_time", INT64),
    )
    op.create_index("job_files_by_state", "job_files", ["job", "state"])


def _make_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", INT64, primary_key=True, autoincrement=True),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("file", INT64, nullable=False),
        sa.Column("file_id", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
