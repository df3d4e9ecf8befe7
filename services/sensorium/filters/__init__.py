"""The filter language (docs/filters.md): one grammar, one tree, and a compiler for each place where filters run."""
