"""From kernels in the loop language to machine code: the only room that imports llvmlite.

`print_kernel` makes LLVM IR text, `compile_object` object code, `load` addresses.
"""
