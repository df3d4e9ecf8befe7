"""The tables of the catalog, so that every statement is checked against one description.

A dataset is a row that names its latest version; versions hold files. `requests` keeps for a day what a request id has
done. Secrets are stored as one encrypted text for each connection.
"""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, text

# SQLite makes a column its row id only when it is declared INTEGER.
Int64 = BigInteger().with_variant(Integer(), "sqlite")
# Ids sort by their UTF-8 bytes, on SQLite by itself.
IdText = String().with_variant(String(collation="C"), "postgresql")

# Few files are: an index of these alone tells them from the others without a look at their rows.
DELETED = text("status = 'DELETED'")

metadata = MetaData()

datasets = Table(
    "datasets",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=True),
    Column("workspace", IdText, nullable=False),
    Column("id", IdText, nullable=False),
    Column("latest", Integer, nullable=False),
    Column("display_name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("edition", String, nullable=False),
    Column("data_type", String, nullable=False),
    Column("property", String, nullable=False),
    Column("accessibility", String, nullable=False),
    Column("uri", String, nullable=False),
    Column("connection", String, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("etag", String, nullable=False),
    Column("create_time", Int64, nullable=False),
    Column("update_time", Int64, nullable=False),
    Index("datasets_by_name", "workspace", "id", unique=True),
    sqlite_autoincrement=True,  # A key is never given to a later dataset, for request ids remember it.
)

versions = Table(
    "versions",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=True),
    Column("dataset", Int64, ForeignKey("datasets.key", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("description", String, nullable=False),
    Column("uri", String, nullable=False),
    Column("connection", String, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("file_count", Int64, nullable=False),
    Column("size_bytes", Int64, nullable=False),
    Column("collection", String, nullable=False),
    Column("model_connection", String, nullable=False),
    Column("etag", String, nullable=False),
    Column("create_time", Int64, nullable=False),
    Column("update_time", Int64, nullable=False),
    Column("publish_time", Int64),
    # How often its files changed; each change marks them with its number.
    Column("changes", Int64, nullable=False, server_default="0"),
    # The number of the version that it began as a copy of, or 0.
    Column("source", Integer, nullable=False, server_default="0"),
    Index("versions_by_number", "dataset", "number", unique=True),
    sqlite_autoincrement=True,
)

# How far a version is that begins as a copy. The files up to a URI are copied; of those that change in the source
# meanwhile, the ones up to a change number are copied again. It goes when the copy is whole.
version_copies = Table(
    "version_copies",
    metadata,
    Column("version", Int64, ForeignKey("versions.key", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    # The row of the source, which may be deleted meanwhile.
    Column("source", Int64, nullable=False),
    Column("since", Int64, nullable=False),
    # Empty before the first piece, null behind the last.
    Column("after", IdText),
    Column("total", Int64, nullable=False),
    # Why it waits, or has failed.
    Column("error", JSON, nullable=False),
)

connections = Table(
    "connections",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=True),
    Column("workspace", IdText, nullable=False),
    Column("id", IdText, nullable=False),
    Column("kind", String, nullable=False),
    Column("description", String, nullable=False),
    Column("configs", JSON, nullable=False),
    Column("secrets", LargeBinary, nullable=False),
    Column("secret_names", JSON, nullable=False),
    Column("models", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("etag", String, nullable=False),
    Column("create_time", Int64, nullable=False),
    Column("update_time", Int64, nullable=False),
    Index("connections_by_name", "workspace", "id", unique=True),
    sqlite_autoincrement=True,
)

requests = Table(
    "requests",
    metadata,
    Column("workspace", IdText, primary_key=True),
    Column("request_id", IdText, primary_key=True),
    Column("mark", String, nullable=False),
    Column("answer", JSON, nullable=False),
    Column("create_time", Int64, nullable=False),
    Index("requests_by_time", "create_time"),
)

files = Table(
    "files",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=True),
    Column("version", Int64, ForeignKey("versions.key", ondelete="CASCADE"), nullable=False),
    Column("id", IdText, nullable=False),
    Column("uri", IdText, nullable=False),
    Column("file_name", String, nullable=False),
    Column("file_dir", String, nullable=False),
    Column("file_type", String, nullable=False),
    Column("content_type", String, nullable=False),
    Column("size_bytes", Int64, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("file_create_time", Int64),
    Column("file_update_time", Int64, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("duration_ms", Int64, nullable=False),
    Column("attributes", JSON, nullable=False),
    # The tokens of names, folders and tags, by the keys of fields, for filters.
    Column("tokens", JSON, nullable=False),
    Column("comment", String, nullable=False),
    # Where the file is read, in a version without a storage of its own: the connection, and the folder or prefix.
    Column("origin_connection", String, nullable=False),
    Column("origin_uri", String, nullable=False),
    Column("status", String, nullable=False),
    # The names of tags, as filters and facets read them; what taggers said in full stands in `taggings`.
    Column("algorithm_tags", JSON, nullable=False),
    Column("user_tags", JSON, nullable=False),
    Column("deleted_tags", JSON, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("tag_update_time", Int64),
    Column("import_job", String, nullable=False),
    Column("index_job", String, nullable=False),
    # The fingerprint and model that the vector is of; empty without one.
    Column("index_of", String, nullable=False),
    Column("index_time", Int64),
    Column("create_time", Int64, nullable=False),
    Column("update_time", Int64, nullable=False),
    Column("change", Int64, nullable=False, server_default="0"),
    Index("files_by_uri", "version", "uri", unique=True),
    Index("files_by_id", "version", "id", unique=True),
    Index("files_by_change", "version", "change"),
    Index("files_deleted", "version", "uri", sqlite_where=DELETED, postgresql_where=DELETED),
    sqlite_autoincrement=True,
)

# What one tagging job said of one file. Of one definition the latest counts, which is superseded by no other; taking it
# back lets the one before count again.
taggings = Table(
    "taggings",
    metadata,
    Column("file", Int64, ForeignKey("files.key", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("job", IdText, primary_key=True),
    Column("definition", String, nullable=False),
    Column("definition_version", Integer, nullable=False),
    Column("model", String, nullable=False),
    Column("model_revision", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("superseded_by", IdText, nullable=False),
    Column("create_time", Int64, nullable=False),
    Index("taggings_by_job", "job"),
)

tag_edits = Table(
    "tag_edits",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=True),
    Column("file", Int64, ForeignKey("files.key", ondelete="CASCADE"), nullable=False),
    Column("kind", String, nullable=False),
    Column("added", JSON, nullable=False),
    Column("removed", JSON, nullable=False),
    Column("job", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("create_time", Int64, nullable=False),
    Index("tag_edits_by_file", "file", "key"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("key", Int64, primary_key=True, autoincrement=True),
    Column("id", IdText, nullable=False, unique=True),
    Column("version", Int64, ForeignKey("versions.key", ondelete="CASCADE"), nullable=False),
    Column("description", String, nullable=False),
    Column("work", JSON, nullable=False),
    Column("mode", String, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("state", String, nullable=False),
    # What was asked of it and is not done yet: "pause", "cancel" or nothing.
    Column("wanted", String, nullable=False),
    # How often it was begun; each run is a workflow of its own.
    Column("run", Integer, nullable=False),
    Column("prepared", Integer, nullable=False),
    Column("total", Int64, nullable=False),
    Column("succeeded", Int64, nullable=False),
    Column("failed", Int64, nullable=False),
    Column("skipped", Int64, nullable=False),
    Column("rate_count", Int64, nullable=False),
    Column("rate_start", Int64, nullable=False),
    Column("error", JSON, nullable=False),
    Column("logs", JSON, nullable=False),
    # Who does what one worker alone may do of it, and until when.
    Column("lease", String, nullable=False, server_default=""),
    Column("lease_until", Int64, nullable=False, server_default="0"),
    # Whose usage it is: the key of whoever created it; empty for none.
    Column("key_id", String, nullable=False, server_default=""),
    Column("create_time", Int64, nullable=False),
    Column("start_time", Int64),
    Column("progress_time", Int64),
    Column("end_time", Int64),
    Index("jobs_by_version", "version", "key"),
    sqlite_autoincrement=True,
)

# What a job has to do, has done, and has failed to do, file by file. A row that is at work is leased: when the lease
# ends, whoever had it is taken for dead, and what they still say is not heard.
job_files = Table(
    "job_files",
    metadata,
    Column("job", Int64, ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("uri", IdText, primary_key=True),
    Column("file", Int64, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease", String, nullable=False),
    Column("lease_until", Int64, nullable=False),
    Column("error", JSON, nullable=False),
    Column("end_time", Int64),
    Index("job_files_by_state", "job", "state"),
)

# What an export has written, or the import of one has read, part by part; the next one goes on behind the last.
export_parts = Table(
    "export_parts",
    metadata,
    Column("job", Int64, ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("path", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("size_bytes", Int64, nullable=False),
    Column("record_count", Int64, nullable=False),
    Column("last_key", Int64, nullable=False),
)

# The files whose search documents must follow, in the order of their changes.
outbox = Table(
    "outbox",
    metadata,
    Column("seq", Int64, primary_key=True, autoincrement=True),
    Column("collection", String, nullable=False),
    Column("file", Int64, nullable=False),
    Column("file_id", String, nullable=False),
    sqlite_autoincrement=True,
)

# The file in which each process keeps the bitmaps of a version. A file without its row here counts for nothing: the row
# says what the file must be, and that this catalog has come to the change number that the bitmaps have followed to.
bitmap_files = Table(
    "bitmap_files",
    metadata,
    Column("version", Int64, ForeignKey("versions.key", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("worker", IdText, primary_key=True),
    Column("format", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("change", Int64, nullable=False),
)
