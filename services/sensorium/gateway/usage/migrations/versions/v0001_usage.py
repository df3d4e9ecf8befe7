"""The first format: calls and modalities by the hour."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _places() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("start_time", INT64, primary_key=True, autoincrement=False),
        sa.Column("workspace", sa.String, primary_key=True),
        sa.Column("key_id", sa.String, primary_key=True),
        sa.Column("model", sa.String, primary_key=True),
    )


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "calls",
        *_places(),
        sa.Column("call_count", INT64, nullable=False),
        sa.Column("token_count", INT64, nullable=False),
    )
    op.create_table(
        "modalities",
        *_places(),
        sa.Column("modality", sa.String, primary_key=True),
        sa.Column("weight", sa.Double, primary_key=True),
        sa.Column("measure", sa.Double, nullable=False),
    )
