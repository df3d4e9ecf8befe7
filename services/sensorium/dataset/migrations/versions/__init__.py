"""One module for each format of the catalog."""
