"""Models of other services: what jobs and searches use by a connection."""
