"""Leases of whole jobs, so that of many workers one finds the files of a job."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns."""
    op.add_column("jobs", sa.Column("lease", sa.String, nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("lease_until", INT64, nullable=False, server_default="0"))
