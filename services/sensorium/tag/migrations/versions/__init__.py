"""One module for each format of the tag store."""
