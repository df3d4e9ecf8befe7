"""Answers which files of a version satisfy a filter from bitmaps in memory, which follow the catalog."""
