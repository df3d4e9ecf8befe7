"""The dataset service: files in storage with their metadata and tags, and the jobs that work on them."""
