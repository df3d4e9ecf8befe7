"""How far versions are that begin as copies, so that a copy goes on after a crash."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0008"

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")

# What an earlier release had begun to copy, and would have removed at its next start.
LEFT = "SELECT key FROM versions WHERE number < 0"


def upgrade() -> None:
    """Add the table, and remove copies that cannot go on."""
    op.create_table(
        "version_copies",
        sa.Column(
            "version",
            INT64,
            sa.ForeignKey("versions.key", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("source", INT64, nullable=False),
        sa.Column("since", INT64, nullable=False),
        sa.Column("after", ID_TEXT),
        sa.Column("total", INT64, nullable=False),
        sa.Column("error", sa.JSON, nullable=False),
    )
    op.execute(f"DELETE FROM taggings WHERE file IN (SELECT key FROM files WHERE version IN ({LEFT}))")  # noqa: S608
    op.execute(f"DELETE FROM files WHERE version IN ({LEFT})")  # noqa: S608
    op.execute("DELETE FROM versions WHERE number < 0")
