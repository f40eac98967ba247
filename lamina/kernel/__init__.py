"""From specs to loops: one writer for each kind of kernel."""
