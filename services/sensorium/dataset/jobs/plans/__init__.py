"""What jobs would do, for each kind, so that somebody can look before anything changes."""
