"""Sources of rows: one kind of file each."""
