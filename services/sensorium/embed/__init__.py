"""The embed service: contents become vectors."""
