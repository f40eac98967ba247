"""A model as TensorBoard's graph: operations as boxes, modules as boxes around them.

In: a module and example inputs. Out: the bytes of a GraphDef. The model is recorded in evaluation,
nothing of it is computed, and its modes are as before. Names are those of the modules:
`features/0/conv2d`.
"""

from __future__ import annotations

from typing import Any

from lamina.graph.node import Node, is_leaf, topological
from lamina.io.tensorboard.proto import GRAPH, encode, map_of
from lamina.tensor import Tensor, evaluate, no_grad, zeros
from lamina.tensor.array import tensors_in

_PRODUCER = 22  # of the form of graphs that is written
_TYPES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "int64": 9,
          "bool": 10, "bfloat16": 14, "uint16": 17, "float16": 19, "uint32": 22, "uint64": 23}
_SHOWN = 80  # letters of an attribute


def graph_bytes(model: Any, inputs: Any) -> bytes:
    """The GraphDef of `model(*inputs)`.

    inputs: a tensor, a shape, or a tuple of them. A compiled step that was recorded before is
    recorded anew afterwards, since hooks were added to the modules.
    """
    given = tuple(_example(x) for x in _several(inputs))
    labels, outputs = _recorded(model, given)
    namer = _Namer(labels)
    for number, tensor in enumerate(tensors_in(given)):
        namer.fix(tensor.node, f"input_{number}")
    for name, value in (*model.named_parameters(), *model.named_buffers()):
        namer.fix(value.node, name.replace(".", "/"))
    kinds = {id(value.node): "Parameter" for _, value in model.named_parameters()}
    kinds |= {id(value.node): "Buffer" for _, value in model.named_buffers()}
    kinds |= {id(tensor.node): "Input" for tensor in tensors_in(given)}
    order = topological([tensor.node for tensor in outputs])
    rows = [_row(node, namer, kinds) for node in order]
    rows += [{"name": f"output_{i}", "op": "Output", "input": [namer.name(tensor.node)],
              "attr": _shape_attribute(tensor.node)} for i, tensor in enumerate(outputs)]
    return encode(GRAPH, {"node": rows, "versions": {"producer": _PRODUCER}})


def _several(inputs: Any) -> tuple[Any, ...]:
    is_shape = isinstance(inputs, (tuple, list)) and inputs and all(
        isinstance(size, int) for size in inputs)
    return tuple(inputs) if isinstance(inputs, (tuple, list)) and not is_shape else (inputs,)


def _example(x: Any) -> Any:
    return zeros(tuple(x)) if isinstance(x, (tuple, list)) else x


def _recorded(model: Any, given: tuple[Any, ...]) -> tuple[dict[int, str], list[Tensor]]:
    """The module path of each operation, by the id of its node; and the outputs.

    What a module's outputs need, down to its inputs, is of this module, unless a module inside it
    has been there first.
    """
    labels: dict[int, str] = {}
    kept: list[Node] = []  # alive, so that no other node gets its id
    paths = {id(module): name for name, module in model.named_modules()}

    def note(module: Any, inputs: Any, output: Any) -> None:
        known = {id(x.node) for x in tensors_in(inputs)}
        roots = [x.node for x in tensors_in(output)]
        for node in topological(roots, stop=lambda n: is_leaf(n) or id(n) in known):
            if not is_leaf(node) and id(node) not in known:
                labels.setdefault(id(node), paths[id(module)])
                kept.append(node)

    modes = [(module, module.training) for module in model.modules()]
    handles: list[Any] = []
    try:
        model.eval()
        with no_grad():
            if any(module._unknown for module, _ in modes):
                model(*given)  # which tells the sizes
            evaluate(*tensors_in(given), *model.parameters(), *model.buffers())  # now leaves
            handles += [module.register_forward_hook(note) for module, _ in modes]
            outputs = tensors_in(model(*given))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return labels, outputs


class _Namer:
    """Names that occur once, inside those of the modules."""

    def __init__(self, labels: dict[int, str]) -> None:
        self.labels = labels
        self.names: dict[int, str] = {}
        self.counts: dict[str, int] = {}

    def fix(self, node: Node, name: str) -> None:
        """Give a leaf its own name; a shared one keeps its first."""
        self.names.setdefault(id(node), self._free(name))

    def name(self, node: Node) -> str:
        """The name of a node."""
        if id(node) not in self.names:
            scope = self.labels.get(id(node), "").replace(".", "/")
            op = "constant" if is_leaf(node) else node.op.name
            self.names[id(node)] = self._free(f"{scope}/{op}" if scope else op)
        return self.names[id(node)]

    def _free(self, name: str) -> str:
        count = self.counts.get(name, 0)
        self.counts[name] = count + 1
        return f"{name}_{count}" if count else name


def _row(node: Node, namer: _Namer, kinds: dict[int, str]) -> dict[str, Any]:
    if is_leaf(node):
        op, inputs, described = kinds.get(id(node), "Constant"), [], {}
    else:
        op, inputs = node.op.name, [namer.name(i) for i in node.inputs]
        described = {f"lamina.{key}": {"s": f"{value}"[:_SHOWN].encode()}
                     for key, value in node.attrs.items() if key not in ("dtype", "shape")}
    attributes = _shape_attribute(node) + map_of(described)
    return {"name": namer.name(node), "op": op, "input": inputs, "attr": attributes}


def _shape_attribute(node: Node) -> list[dict[str, Any]]:
    shape = {"dim": [{"size": size} for size in node.sizes]}
    found: dict[str, Any] = {"_output_shapes": {"list": {"shape": [shape]}}}
    if node.dtype.name in _TYPES:
        found["dtype"] = {"type": _TYPES[node.dtype.name]}
    return map_of(found)
