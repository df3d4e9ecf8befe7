"""Exports: records of files in the formats of others, and back."""
