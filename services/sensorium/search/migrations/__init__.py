"""The formats of the search store, one after another."""
