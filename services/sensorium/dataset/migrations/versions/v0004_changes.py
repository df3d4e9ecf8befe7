"""The fifth format: changes of files are numbered, so that bitmaps and copies of versions can follow."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns and the index; what is there counts as changed at number 0."""
    op.add_column("versions", sa.Column("changes", INT64, nullable=False, server_default="0"))
    op.add_column("versions", sa.Column("source", sa.Integer, nullable=False, server_default="0"))
    op.add_column("files", sa.Column("change", INT64, nullable=False, server_default="0"))
    op.create_index("files_by_change", "files", ["version", "change"])
