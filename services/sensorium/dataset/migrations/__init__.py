"""The formats of the catalog, one after another."""
