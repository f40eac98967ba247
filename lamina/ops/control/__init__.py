"""Control flow: operations that hold graphs, and run one of them, or one of them many times.

In: inputs, and `Graph`s among the attributes. Such a node has several results; each is a node of
its own, an `output` of it. Rules that need to look into a graph get the interpreter they need as an
argument: `run(graph, arrays)` for values, `pull(roots, cotangents, wrt)` for gradients,
`push(roots, wrt, tangents)` for forward mode, `batch(roots, {node: batched})` for vmap. A vjp takes
cotangents of the results as {index: node}, and which inputs `needed` one.

Backward passes compute the body again from what goes into it: a `scan` hands out, beside its final
carries and its stacked results, the carries that each turn began with; a `cond` chooses again.
"""

from lamina.ops.control.call import Given, Recompute, call
from lamina.ops.control.cond import cond
from lamina.ops.control.host import host_callback
from lamina.ops.control.loop import while_loop
from lamina.ops.control.results import (
    CONTROL,
    HOST,
    SEVERAL,
    barrier,
    copy,
    output,
    outputs,
    project,
    record,
    results,
    stored,
)
from lamina.ops.control.scan import scan

OPS = (project, cond, scan, while_loop, call, host_callback)

__all__ = ["CONTROL", "HOST", "OPS", "SEVERAL", "Given", "Recompute", "barrier", "call", "cond",
           "copy", "host_callback", "output", "outputs", "record", "results", "scan", "stored",
           "while_loop"]
