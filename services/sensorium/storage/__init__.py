"""What services that keep data share: a SQLite file with one writer and several readers, and pages of lists."""
