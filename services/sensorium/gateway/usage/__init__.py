"""What keys have consumed of which models: counted in memory, kept in a file, told to whoever may know."""
