"""Modules: objects that hold parameters and other modules, and are called.

In: attributes set in `__init__`: Parameter, Buffer, Module, and lists, tuples and dicts of them.
Out: their names (`layers.3.weight`), their state, and the place that errors and profiles show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from lamina.dtypes import DType
from lamina.errors import ArgumentError, pop_place, push_place
from lamina.nn import lookup, precision, segments
from lamina.nn.freezing import hold_statistics
from lamina.nn.hooks import Handle, Hooks
from lamina.nn.parameter import Buffer, Parameter
from lamina.nn.patterns import parameters_like
from lamina.nn.summary import measured_table, summary_table
from lamina.state import Loaded, assign_all
from lamina.tensor import Tensor
from lamina.tensor.trace import traces


class Module:
    """A function with parameters. Write `__init__` and `forward`, then call the object.

    Nothing is registered: whatever is an attribute when it is asked for is part of the module.
    A `__init__` need not call `super().__init__()`.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Parameter([2.0])
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """

    training: bool = True
    _version: int = 0  # how often what it keeps was replaced: recordings of before do not count
    _name: str = ""  # the attribute of the parent that holds this module
    _place: str | None = None  # what __call__ shows in errors; None: to be made
    _unknown: str = ""  # the sizes that the first input will tell, such as "in_features"
    _hooks: Hooks | None = None  # functions that are called before and after forward
    _held: bool = False  # a frozen batch norm: in evaluation whatever train() says
    _recomputed: bool = False  # whether the backward pass computes what is inside again

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """The outputs for `inputs`; every subclass writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        self._note()
        push_place(self._place or self._make_place())
        try:
            if self._unknown:
                lookup.learn_sizes(self, inputs or tuple(options.values()))
            if self._recomputed:
                return segments.again(self, self._forward, inputs, options)
            return self._forward(*inputs, **options)
        finally:
            pop_place()

    def _forward(self, *inputs: Any, **options: Any) -> Any:
        if self._hooks is not None:
            return self._hooks.call(self, inputs, options)
        return self.forward(*inputs, **options)

    def _note(self) -> None:
        """What is being recorded depends on this module as it is now."""
        for trace in traces:
            trace.modes.append((self, self.training, self._version))

    def _learn(self, *inputs: Any) -> None:
        """Make the parameters whose sizes the first input tells; for layers with such sizes."""
        raise NotImplementedError(f"{type(self).__name__} has no sizes to learn")

    def _learn_from(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """The same, from the shapes of its parameters by name; whether they tell the sizes."""
        return False

    def __setattr__(self, name: str, value: Any) -> None:
        old = self.__dict__.get(name)
        if isinstance(old, Parameter):
            _check_parameter(name, old, value)
        elif isinstance(old, Buffer) and isinstance(value, Tensor) and not value._kept:
            if value.shape == old.shape and value.dtype is old.dtype:
                old.assign(value)
                return
            value = Buffer(value)
        elif isinstance(old, Module):
            _check_module(name, old, value)
        if old is not value and (_keeps(old) or _keeps(value)):
            _let_go(self, old)
        object.__setattr__(self, name, value)
        if isinstance(value, (Module, list, tuple, dict)):
            for path, child in _members(Module, self._shown(name), value, "{}[{!r}]"):
                child._take_name(path)
            object.__setattr__(self, "_place", None)

    def __delattr__(self, name: str) -> None:
        _let_go(self, self.__dict__.get(name))
        object.__delattr__(self, name)

    def _shown(self, name: str) -> str:
        """What errors call the attribute `name`."""
        return name

    def _take_name(self, name: str) -> None:
        """Be shown in errors under the name that the parent gives."""
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_place", None)

    def _make_place(self) -> str:
        """`fc1 (Linear 784 -> 10)` for a layer, `encoder` for a module of modules."""
        if any(True for _ in self.named_children()):
            place = self._name or "model"
        else:
            described = f"{type(self).__name__} {self.extra_repr()}".strip()
            place = f"{self._name} ({described})" if self._name else described
        object.__setattr__(self, "_place", place)
        return place

    # What is inside

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Modules directly inside this one, by name, in the order of the attributes."""
        for name, value in vars(self).items():
            yield from _members(Module, name, value, "{}.{}")

    def children(self) -> Iterator[Module]:
        """Modules directly inside this one."""
        return (child for _, child in self.named_children())

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module (named "") and all inside it, each once."""
        seen: set[int] = set()
        for path, module in self._walk("", ()):
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module

    def modules(self) -> Iterator[Module]:
        """This module and all inside it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Parameters of this module and all inside it; a shared one only under its first name."""
        lookup.check_sizes_known(self, "parameters")
        seen: set[int] = set()
        for name, value in self._named_state():
            if isinstance(value, Parameter) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def parameters(self) -> Iterator[Parameter]:
        """What an optimizer takes: `SGD(model.parameters(), lr=0.1)`."""
        return (value for _, value in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Buffers of this module and all inside it."""
        for name, value in self._named_state():
            if isinstance(value, Buffer):
                yield name, value

    def buffers(self) -> Iterator[Buffer]:
        """Untrained state of this module and all inside it."""
        return (value for _, value in self.named_buffers())

    def num_parameters(self, trained_only: bool = False) -> int:
        """How many numbers the parameters hold."""
        return sum(p.size for p in self.parameters() if p.requires_grad or not trained_only)

    def get_submodule(self, target: str) -> Module:
        """The module under a dotted name: `model.get_submodule("encoder.layers.0")`."""
        return lookup.find(self, "get_submodule", target, dict(self._walk("", ())))

    def get_parameter(self, target: str) -> Parameter:
        """The parameter under a dotted name: `model.get_parameter("encoder.0.weight")`."""
        found = {k: v for k, v in self._named_state() if isinstance(v, Parameter)}
        return lookup.find(self, "get_parameter", target, found)

    def get_buffer(self, target: str) -> Buffer:
        """The buffer under a dotted name."""
        found = {k: v for k, v in self._named_state() if isinstance(v, Buffer)}
        return lookup.find(self, "get_buffer", target, found)

    def add_module(self, name: str, module: Module | None) -> None:
        """The same as an attribute, for names that are made: `model.add_module("fc1", layer)`."""
        lookup.check_name("add_module", self, name, module, Module)
        setattr(self, name, module)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """The same as an attribute that is a Parameter."""
        lookup.check_name("register_parameter", self, name, param, Parameter)
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """The same as an attribute that is a Buffer, or without persistent a plain tensor."""
        lookup.check_name("register_buffer", self, name, tensor, Tensor)
        setattr(self, name, Buffer(tensor) if tensor is not None and persistent else tensor)

    def _walk(self, path: str, above: tuple[Module, ...]) -> Iterator[tuple[str, Module]]:
        if any(self is module for module in above):
            return  # a child that knows its parent
        yield path, self
        for name, child in self.named_children():
            yield from child._walk(f"{path}.{name}" if path else name, (*above, self))

    def _named_state(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        """Every parameter and buffer under every name it has."""
        for path, module in self._walk("", ()):
            for name, value in module._own_state():
                yield (f"{path}.{name}" if path else name), value

    def _own_state(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        for name, value in vars(self).items():
            yield from _members((Parameter, Buffer), name, value, "{}.{}")

    # State

    def state_dict(self) -> dict[str, Tensor]:
        """Name -> value of every parameter and buffer, as they are now: later steps leave it."""
        lookup.check_sizes_known(self, "state_dict")
        return {name: value.detach() for name, value in self._named_state()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Loaded:
        """Take the values of `state`, arrays or tensors by name.

        strict: every name must be on both sides; otherwise only shared ones are loaded and the
        others are returned as `(missing, unexpected)`.
        Layers that wait for their first input take their sizes from the shapes in `state`.
        Raises ArgumentError, FormatError, ShapeError or DTypeError, and then changes nothing.
        """
        place = f"load_state_dict of {type(self).__name__}"
        hint = "strict=False, to load only the names that both have"
        with lookup.sizes_from(self, state):
            lookup.check_sizes_known(self, "load_state_dict")
            return assign_all(place, dict(self._named_state()), state, strict, hint)

    def train(self, mode: bool = True) -> Self:
        """Switch dropout, batch norm and the like to training, or with False to evaluation.

        Batch norms that `freeze` holds stay in evaluation.
        """
        for module in self.modules():
            module.training = mode and not module._held
        return self

    def eval(self) -> Self:
        """Switch to evaluation."""
        return self.train(False)

    def apply(self, function: Callable[[Module], object]) -> Self:
        """Call `function` on this module and every one inside it, innermost first."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Train all parameters, or with False none of them."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def freeze(self, *patterns: str) -> Self:
        """Stop training the parameters that fit a pattern, or all: `model.freeze("encoder")`.

        A pattern names parameters or modules, as in `nn.select`. Batch norms that are frozen whole
        keep their statistics and stay in evaluation mode; `requires_grad_(False)` leaves them.

        >>> import lamina as lm
        >>> model = lm.nn.Sequential(lm.nn.Linear(4, 4), lm.nn.BatchNorm1d(4), lm.nn.Linear(4, 2))
        >>> model.freeze("0", "1").train()[1].training
        False
        >>> [name for name, p in model.named_parameters() if p.requires_grad]
        ['2.weight', '2.bias']
        """
        return self._trained(False, patterns)

    def unfreeze(self, *patterns: str) -> Self:
        """Train the parameters that fit a pattern again, or all."""
        return self._trained(True, patterns)

    def _trained(self, requires_grad: bool, patterns: tuple[str, ...]) -> Self:
        chosen = parameters_like(self, *patterns).values() if patterns else self.parameters()
        for parameter in chosen:
            parameter.requires_grad = requires_grad
        hold_statistics(self)
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, target: Any) -> Self:
        """Floats in another dtype, or the module itself for the device where it is.

        An optimizer is made afterwards: its state has the dtype that the parameters had.
        """
        lookup.check_sizes_known(self, "to")
        precision.convert(self, dict(self._named_state()).values(), target)
        return self

    def astype(self, dtype: DType) -> Self:
        """Parameters and buffers that are floats in another float dtype."""
        return self.to(dtype)

    def half(self) -> Self:
        """Floats as float16."""
        return self.to("float16")

    def bfloat16(self) -> Self:
        """Floats as bfloat16."""
        return self.to("bfloat16")

    def float(self) -> Self:
        """Floats as float32."""
        return self.to("float32")

    def double(self) -> Self:
        """Floats as float64."""
        return self.to("float64")

    # Hooks

    def register_forward_pre_hook(self, hook: Callable[[Module, tuple[Any, ...]], Any]) -> Handle:
        """Call `hook(module, inputs)` before forward; what it returns, unless None, is the inputs.

        A compiled function calls it while it records, not when it runs.
        """
        return self._hooked().add(self, "before", hook)

    def register_forward_hook(
        self, hook: Callable[[Module, tuple[Any, ...], Any], Any]
    ) -> Handle:
        """Call `hook(module, inputs, output)` after forward; what it returns is the output.

        None leaves the output as it is. `handle.remove()` takes the hook away again.

        >>> import lamina as lm
        >>> layer, shapes = lm.nn.Linear(4, 3), []
        >>> handle = layer.register_forward_hook(lambda m, x, y: shapes.append(y.shape))
        >>> _ = layer(lm.zeros((2, 4)))
        >>> handle.remove()
        >>> shapes
        [(2, 3)]
        """
        return self._hooked().add(self, "after", hook)

    def _hooked(self) -> Hooks:
        hooks = self._hooks or Hooks()
        object.__setattr__(self, "_hooks", hooks)
        return hooks

    # Text

    def extra_repr(self) -> str:
        """What tells this layer from others of its class, such as `784 -> 10`."""
        return ""

    def summary(self, *inputs: Any) -> str:
        """A table of the layers, the shapes of their parameters and their number.

        inputs: tensors, or shapes such as `(32, 3, 224, 224)`. With them the model is recorded, not
        run, in evaluation, and the table has each layer's output, operations and bytes.
        """
        return measured_table(self, inputs) if inputs else summary_table(self)

    def __repr__(self) -> str:
        rows = [f"({name}): {child!r}" for name, child in self.named_children()]
        extra = self.extra_repr()
        if not rows:
            return f"{type(self).__name__}({extra})"
        inner = "\n".join([extra, *rows] if extra else rows).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {inner}\n)"


def check_modules(op: str, optional: bool = False, **modules: object) -> None:
    """Every argument is a Module, or None where they are optional."""
    for name, value in modules.items():
        if not isinstance(value, Module) and not (optional and value is None):
            raise ArgumentError(op, operands=[(name, f"{value!r:.60}")],
                                rule=f"{name} is a Module", got=value)


def _check_module(name: str, old: Module, value: Any) -> None:
    """What takes a module's place can be called, or holds what can, or is None."""
    if value is not None and not callable(value) and not isinstance(value, (list, tuple, dict)):
        raise ArgumentError(type(old).__name__, operands=[(name, f"{value!r:.60}")], got=value,
                            rule="in place of a module comes a module, or None")


def _check_parameter(name: str, old: Parameter, value: Any) -> None:
    """Raise unless `value` may take the place of a parameter: another one, a module, or None."""
    if value is None or isinstance(value, (Parameter, Module)):
        return
    shape = f"{value.dtype.name} {list(value.shape)}" if isinstance(value, Tensor) else repr(value)
    raise ArgumentError(
        f"setting {name}",
        operands=[(name, f"Parameter, {old.dtype.name} {list(old.shape)}"),
                  ("value", f"{type(value).__name__}, {shape:.60}")],
        rule="a parameter is replaced by a Parameter or None, and given a value by assign",
        hint=f"{name}.assign(value), or nn.Parameter(value) for another one", got=value)


def _keeps(value: Any) -> bool:
    """Whether a value is, or holds, something that belongs to a module."""
    return any(True for _ in _members((Module, Parameter, Buffer), "", value, "{}.{}"))


def _let_go(owner: Module, old: Any) -> None:
    """Count that a module keeps something else now; so does all that was in `old`."""
    object.__setattr__(owner, "_version", owner._version + 1)
    for _, item in _members((Module, Parameter, Buffer), "", old, "{}.{}"):
        gone: list[Any] = [item]
        if isinstance(item, Module):
            gone = [*item.modules(), *(value for _, value in item._named_state())]
        for kept in gone:
            object.__setattr__(kept, "_version", kept._version + 1)


def _members(kinds: Any, name: str, value: Any, form: str) -> Iterator[tuple[str, Any]]:
    """Objects of `kinds` that the attribute `name` holds: itself, or items of a list or dict.

    form: how a name and a key are joined, `{}.{}` in states and `{}[{!r}]` in errors.
    """
    if isinstance(value, kinds):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _members(kinds, form.format(name, index), item, form)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _members(kinds, form.format(name, key), item, form)
