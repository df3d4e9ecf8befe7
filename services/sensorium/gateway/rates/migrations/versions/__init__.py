"""One file per format, in order."""
