"""The Tensor: a handle on a node of the graph.

In: values, and operations on tensors. Out: tensors; nothing runs until a value is asked for.
Functions stand in `tensor/functions`, the table of methods in `tensor/methods.py`; here is what
makes a tensor a tensor.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from lamina import dtypes, tree
from lamina.config import settings
from lamina.dtypes import DType, as_dtype
from lamina.errors import CapacityError, DeviceError, DTypeError, GradientError, ShapeError
from lamina.graph.node import BUFFER, Node, leaf, topological, tracking
from lamina.ops.movement import view
from lamina.runtime import execute
from lamina.runtime.buffers import from_array
from lamina.tensor.attached import Attached
from lamina.tensor.device import check_device
from lamina.tensor.history import described, drop, history
from lamina.tensor.host_data import stored_elements
from lamina.tensor.trace import note_grad, traces
from lamina.transforms.grad import filled, pull

Scalar = (bool, int, float)
MOST = 1 << 48  # elements: more than any machine can address


class Elements(int):
    """A number of elements that can be called: `x.size()` is the shape, `x.size(0)` an axis's."""

    shape: tuple[int, ...]

    def __new__(cls, shape: tuple[int, ...]) -> Elements:
        number = super().__new__(cls, prod(shape))
        number.shape = shape
        return number

    def __call__(self, dim: int | None = None) -> Any:
        if dim is None:
            return self.shape
        if not isinstance(dim, int) or not -len(self.shape) <= dim < len(self.shape):
            raise ShapeError("size", operands=[("shape", str(list(self.shape))),
                                               ("dim", f"{dim!r:.60}")],
                             rule=f"axes run from {-len(self.shape)} to {len(self.shape) - 1}")
        return self.shape[dim]

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (int(self),)


class Tensor(Attached):
    """An n-dimensional array that is computed when its value is needed.

    Made by `lamina.tensor(...)`, creation functions and operations. Values never change under
    anybody's hands: `x[i] = v` and `x += y` give x a new value. What requires a gradient, and
    parameters and buffers, stay the same object: they are assigned to, in `no_grad` for a gradient.

    >>> import lamina as lm
    >>> (lm.tensor([1.0, 2.0]) * 2).numpy()
    array([2., 4.], dtype=float32)
    """

    __slots__ = ("node", "_grad", "_requires_grad", "__weakref__", "__dict__")
    __array_priority__ = 1000
    _kept: bool = False  # whether a module keeps it: then x += y is an assignment to it
    _version: int = 0  # how often a module let go of it: what was recorded before does not count

    def __init__(self, node: Node, requires_grad: bool = False) -> None:
        if prod(node.shape) > MOST:  # type: ignore[operator]
            raise _too_many(node)
        self._grad: Tensor | None = None
        self._requires_grad = requires_grad
        if requires_grad:
            node = detached(node)
            node.tracked = node.variable = True
        self.node = node
        reference = weakref.ref(self)
        if node.owner is None or node.owner() is None:
            node.owner = reference
        if traces:
            traces[-1].own.add(id(self))
        elif node.value is None:
            execute.await_value(self, reference)

    # -- what it is ----------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.node.sizes

    @property
    def dtype(self) -> DType:
        """Type of the elements."""
        return self.node.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.node.shape)

    @property
    def size(self) -> Elements:
        """Number of elements; called, as in PyTorch, the shape or the size of an axis."""
        return Elements(self.shape)

    @property
    def device(self) -> str:
        """Where it is computed."""
        return settings.device

    @property
    def requires_grad(self) -> bool:
        """Whether `backward` adds up a gradient here."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value != self._requires_grad:
            if value and not self.dtype.is_float:
                raise DTypeError("requires_grad", operands=[("x", self.dtype.name)],
                                 rule="only floats have gradients")
            self._requires_grad = value
            self._set(detached(self.node))

    @property
    def grad(self) -> Tensor | None:
        """What `backward` added up, or None."""
        if traces:
            note_grad(self, False)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if traces:
            note_grad(self, True)
        elif value is None:
            execute.accumulated.pop(id(self), None)
        elif value.node.value is None:
            execute.remember(execute.accumulated, self, self._grad)
        self._grad = value

    def __format__(self, spec: str) -> str:
        """A single element is formatted as a number: `f"{loss:.4f}"`."""
        return format(self.item() if spec and self.size == 1 else str(self), spec)

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError("len", operands=[("x", f"{self.dtype.name} []")],
                             rule="a zero-dimensional tensor has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        extra = ", requires_grad=True" if self.requires_grad else ""
        if self.node.value is None and traces:
            return f"tensor(shape={list(self.shape)}, dtype={self.dtype.name}, traced{extra})"
        body = np.array2string(self.numpy(), separator=", ", prefix="tensor(")
        return f"tensor({body}, dtype={self.dtype.name}{extra})"

    # -- its value -----------------------------------------------------------------------------
    def numpy(self) -> np.ndarray:
        """A copy of the values as a NumPy array; bfloat16 comes as float32."""
        _find(self.node)
        if self.dtype is dtypes.bfloat16:
            return dtypes.widen_bfloat16(execute.array_of(self.node))
        return execute.copy_of(self.node)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def item(self) -> bool | int | float:
        """The value of a tensor of one element as a Python number."""
        if self.size != 1:
            raise ShapeError("item", operands=[("x", f"{self.dtype.name} {list(self.shape)}")],
                             rule="the tensor has one element", hint="x.numpy()")
        _find(self.node)
        number: bool | int | float | None = self.node.value.number(self.dtype.storage)
        return self.numpy().item() if number is None else number

    def tolist(self) -> Any:
        """The values as nested lists."""
        return self.numpy().tolist()

    def __bool__(self) -> bool:
        return bool(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __index__(self) -> int:
        if not self.dtype.is_integer:
            raise DTypeError("index", operands=[("x", self.dtype.name)],
                             rule="indices are integers")
        return int(self.item())

    def __dlpack__(self, **options: Any) -> Any:
        return self.numpy().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    # -- gradients -----------------------------------------------------------------------------
    def detach(self) -> Tensor:
        """The same values, cut off from their history."""
        return Tensor(detached(self.node))

    def backward(self, gradient: Tensor | None = None, retain_graph: bool = False) -> None:
        """Add the gradient of this tensor to the `grad` of every parameter that it depends on.

        gradient: the cotangent, of this tensor's shape; needed unless it has one element.
        Raises GradientError if nothing requires a gradient or the history is gone.
        """
        root, operands = self.node, [("x", described(self.node))]
        if gradient is None and self.size != 1:
            raise GradientError("backward", operands=operands,
                                rule="only a single number has a gradient without a cotangent",
                                hint="x.sum().backward(), or x.backward(gradient)")
        if gradient is not None:
            self._check_cotangent(gradient)
        order = history("backward", root)
        leaves = [n for n in order if n.variable]
        if not leaves:
            raise GradientError("backward", operands=operands,
                                rule="something that x depends on requires a gradient",
                                hint="requires_grad=True")
        if traces and any(n.value is not None and not n.variable for n in order):
            raise GradientError("backward", operands=operands,
                                rule="in a compiled function the history begins inside of it",
                                hint="compute there what x depends on, or pass it as an argument")
        seed = filled(1.0, root) if gradient is None else gradient.node
        with tracking(retain_graph):
            found = pull(root, leaves, seed)
        for node in leaves:
            owner = node.owner() if node.owner is not None else None
            if owner is not None and id(node) in found:
                owner._accumulate(found[id(node)])
        if not retain_graph:
            drop(order)

    def _check_cotangent(self, gradient: Any) -> None:
        if not isinstance(gradient, Tensor):
            raise DTypeError("backward", operands=[("gradient", f"{gradient!r:.60}")],
                             rule="the gradient is a tensor", hint="lm.tensor(gradient)")
        if gradient.shape != self.shape or gradient.dtype is not self.dtype:
            raise (ShapeError if gradient.shape != self.shape else DTypeError)(
                "backward",
                operands=[("x", described(self.node)), ("gradient", described(gradient.node))],
                rule="the gradient has the shape and dtype of x")

    def _accumulate(self, g: Node) -> None:
        before, fresh = self.grad, Tensor(g)
        self.grad = fresh if before is None else before + fresh

    # -- new values ----------------------------------------------------------------------------
    def assign(self, value: Any) -> Tensor:
        """Give this tensor a new value of the same shape and dtype; returns itself."""
        new = value if isinstance(value, Tensor) else tensor(value, dtype=self.dtype)
        if new.shape != self.shape or new.dtype is not self.dtype:
            raise (ShapeError if new.shape != self.shape else DTypeError)(
                "assign",
                operands=[("old", described(self.node)), ("new", described(new.node))],
                rule="the new value has the shape and dtype of the old one")
        self._set(detached(new.node))
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A tensor of the same class with its own memory and no history."""
        _find(self.node)
        new = _rebuilt(type(self), execute.array_of(self.node), self.dtype.name,
                       self._requires_grad)
        memo[id(self)] = new
        new._grad = copy.deepcopy(self._grad, memo)
        new.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        _find(self.node)
        stored = execute.array_of(self.node).copy()
        return _rebuilt, (type(self), stored, self.dtype.name, self._requires_grad)

    def _set(self, node: Node) -> None:
        if self._requires_grad:
            node.tracked = node.variable = True
        if traces:
            traces[-1].change(self)
        old, self.node = self.node, node
        node.owner = reference = weakref.ref(self)
        if node.value is None and not traces:
            execute.await_value(self, reference)
            execute.remember(execute.assigned, self, old)
        elif not traces:
            execute.assigned.pop(id(self), None)


def _too_many(node: Node) -> CapacityError:
    return CapacityError(node.op.name, operands=[("result", f"{node.dtype.name} "
                                                            f"{list(node.shape)}")],
                         rule=f"a tensor has at most {MOST} elements", expected=MOST,
                         got=node.shape)


def _find(node: Node) -> None:
    """Give the node its value; while a function is recorded, nothing else has a part in that."""
    if not traces:
        execute.evaluate([node])
    elif node.value is None:
        if any(n.op is BUFFER and n.value is None for n in topological([node])):
            raise _not_known(node, traces[-1].name)
        execute.run([node])


def _not_known(node: Node, recorder: str) -> DeviceError:
    return DeviceError("evaluation", operands=[("x", f"{node.dtype.name} {list(node.shape)}")],
                       rule=f"a value is not known while {recorder} records the code",
                       hint="return the tensor; or choose with lm.where or lm.cond")


def _rebuilt(kind: type[Tensor], stored: np.ndarray, dtype: str, requires_grad: bool) -> Tensor:
    """A tensor of a class from stored elements: what copies and pickles are made by."""
    new = kind.__new__(kind)
    Tensor.__init__(new, leaf(from_array(stored), stored.shape, as_dtype(dtype)), requires_grad)
    return new


def detached(node: Node) -> Node:
    """A node of the same value without a history, never the same object.

    Inside `compile` it refers to the node itself, whose value the next call may have changed.
    """
    if node.value is not None and not traces:
        return leaf(node.value, node.shape, node.dtype)
    index = tuple((0, ((i, 1),)) for i in range(node.ndim))
    new = view(node, shape=node.shape, map=index)
    new.tracked = False
    return new


def tensor(data: Any, dtype: Any = None, device: str | None = None, requires_grad: bool = False
           ) -> Tensor:
    """A tensor with a copy of `data`: numbers, nested sequences, arrays or a Tensor.

    dtype: by default that of an array; float32 for Python floats, int64 for ints, bool for bools.
    Raises ShapeError for ragged sequences, DTypeError for elements that are not numbers or integers
    beyond the dtype, and DeviceError for a device that everything else is not computed on.

    >>> import lamina as lm
    >>> lm.tensor([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    check_device("tensor", device)
    if isinstance(data, Tensor):
        if dtype is None or as_dtype(dtype) is data.dtype:
            return Tensor(detached(data.node), requires_grad)
        return Tensor(detached(data.astype(dtype).node), requires_grad)
    if isinstance(data, (list, tuple)) and any(isinstance(x, Tensor) for x in data):
        data = [x.numpy() if isinstance(x, Tensor) else x for x in data]
    stored, wanted = stored_elements(data, None if dtype is None else as_dtype(dtype))
    if requires_grad and not wanted.is_float:
        raise DTypeError("tensor", operands=[("data", f"{wanted.name} {list(stored.shape)}")],
                         rule="only floats have gradients", hint="dtype=lm.float32")
    return Tensor(leaf(from_array(stored), stored.shape, wanted), requires_grad)


def evaluate(*tensors: Tensor | Sequence[Tensor]) -> None:
    """Compute tensors, and everything pending with them, in one program.

    Inside `compile` it does nothing: the whole function is one program there.
    """
    if traces:
        return
    nodes = []
    for t in tensors:
        nodes.extend([t.node] if isinstance(t, Tensor) else [x.node for x in t])
    execute.evaluate(nodes)


def tensors_in(nesting: Any) -> list[Tensor]:
    """The tensors among the leaves of a nesting of tuples, lists and dicts, in its order."""
    return [x for x in tree.flatten(nesting)[0] if isinstance(x, Tensor)]
