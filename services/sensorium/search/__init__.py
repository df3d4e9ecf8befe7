"""The search service: documents kept durably, and found again by their vectors."""
