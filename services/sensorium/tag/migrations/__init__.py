"""The migrations of the tag store, run by Alembic."""
