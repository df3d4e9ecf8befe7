"""Jobs: long work on files that survives the end of any process."""
