"""The tag service: tag definitions, and tags of contents by them."""
