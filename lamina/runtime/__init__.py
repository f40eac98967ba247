"""From kernels to values: buffers, threads, programs, the one door `execute`."""
