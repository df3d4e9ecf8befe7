"""Where files are: local folders, and object stores that speak the S3 protocol."""
