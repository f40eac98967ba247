"""What a transformed function leaves behind: nothing, whatever it does and however it ends."""

from collections.abc import Callable

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DeviceError, GradientError
from lamina.graph.node import mode
from lamina.runtime import execute
from lamina.tensor.trace import traces


def fails(x, *_):
    y = x * 2
    raise ValueError(y.shape)


XS = np.ones((2, 3))
TRANSFORMS: dict[str, Callable[[lm.Tensor], object]] = {
    "vmap": lambda x: lm.vmap(fails)(x),
    "vmap of grad": lambda x: lm.vmap(lm.grad(fails))(x),
    "grad": lambda x: lm.grad(fails)(x),
    "value_and_grad": lambda x: lm.value_and_grad(fails)(x),
    "vjp": lambda x: lm.vjp(fails, x),
    "jvp": lambda x: lm.jvp(fails, [x], [x]),
    "hessian": lambda x: lm.hessian(fails)(x),
    "compile": lambda x: lm.compile(fails)(x),
    "compile of vmap": lambda x: lm.compile(lm.vmap(fails))(x),
    "cond": lambda x: lm.cond(lm.tensor(True), fails, fails, x),
    "scan": lambda x: lm.scan(fails, x, x),
    "while_loop": lambda x: lm.while_loop(lambda x: x.sum() < 3, fails, x),
    "checkpoint": lambda x: lm.checkpoint(fails)(x),
    "custom_op": lambda x: lm.custom_op(fails, fails)(x),
    "custom_op backward": lambda x: lm.grad(lm.custom_op(lambda x: x.sum(), fails))(x),
}


@pytest.mark.parametrize("pending", [False, True])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_function_that_raises_leaves_nothing_behind(name, pending):
    x = lm.tensor(XS) + 1 if pending else lm.tensor(XS)
    other = lm.ones(3) + 1
    before = dict(execute.pending)
    with pytest.raises(ValueError, match=r"\(.*\)") as raised:
        TRANSFORMS[name](x)
    left = [r() for key, r in execute.pending.items() if r is not before.get(key)]
    assert raised.traceback and all(t is None for t in left)  # the exception keeps its frames
    assert (traces, mode.tracking, mode.created) == ([], True, None)
    assert other.tolist() == [2, 2, 2]


def test_what_a_mapped_function_hands_out_by_the_back_door_disturbs_nobody():
    kept = []

    def f(x):
        kept.append(x * 2)
        return x

    assert lm.vmap(f)(lm.tensor(XS)).tolist() == XS.tolist()
    with pytest.raises(DeviceError, match="while a function was recorded"):
        kept[0].numpy()
    assert (lm.ones(2) + 1).tolist() == [2, 2]


def test_other_values_are_known_inside_a_mapped_function():
    w = lm.ones(2)
    w.assign(w + 1)

    def f(x):
        y = x * 2
        return y * int(w.sum().item())

    assert lm.vmap(f)(lm.tensor(XS)).tolist() == (XS * 8).tolist()


@pytest.mark.parametrize(("name", "transform"), [
    ("compile", lm.compile),
    ("vmap", lm.vmap),
    ("scan", lambda f: lambda x: lm.scan(lambda c, y: (c, f(y)), lm.tensor(0.0), x)),
    ("cond", lambda f: lambda x: lm.cond(lm.tensor(True), f, f, x)),
])
def test_a_value_that_is_not_known_says_who_records(name, transform):
    with pytest.raises(DeviceError, match=f"not known while {name} records"):
        transform(lambda x: x.sum().item())(lm.tensor(XS))


@pytest.mark.parametrize("transform", [lm.vmap, lm.compile])
def test_a_value_that_is_not_known_undoes_no_assignment(transform):
    w = lm.ones(2)
    w.assign(w + 1)
    with pytest.raises(DeviceError, match="a value is not known"):
        transform(lambda x: x.tolist())(lm.tensor(XS))
    assert w.tolist() == [2, 2]


def test_a_compiled_function_inside_a_mapped_one():
    assert lm.vmap(lm.compile(lambda x: x * 2))(lm.tensor(XS)).tolist() == (XS * 2).tolist()


# ---- tensors from outside ------------------------------------------------------------------------
def test_a_mapped_function_may_change_what_is_the_same_for_all():
    count = lm.zeros(())

    def f(x):
        count.assign(count + 1)
        return x * count

    for turn in (1, 2):
        assert lm.vmap(f)(lm.tensor(XS)).tolist() == (XS * turn).tolist()
    assert count.item() == 2


def test_a_tensor_outside_has_one_value_and_not_one_for_each_example():
    mean = lm.zeros(3, dtype=lm.float64)

    def f(x):
        mean.assign(x)
        return x

    with pytest.raises(ArgumentError, match="not one for each example"):
        lm.vmap(f)(lm.tensor(XS))
    assert mean.tolist() == [0, 0, 0]
    w = lm.tensor(XS[0], requires_grad=True)
    with pytest.raises(GradientError, match="inside a body"):
        lm.vmap(lambda x: (w * x).sum().backward())(lm.tensor(XS))
    assert w.grad is None


@pytest.mark.parametrize("run", [
    lambda f: lm.compile(f), lambda f: lambda x: lm.cond(lm.tensor(True), f, f, x),
    lambda f: lambda x: lm.checkpoint(f)(x),
    lambda f: lambda x: lm.scan(lambda c, _: (f(c), None), x, length=1)[0],
    lambda f: lm.compile(lambda x: lm.cond(lm.tensor(True), f, f, x))])
def test_elements_of_a_tensor_outside_are_set_inside(run):
    table = lm.zeros(3, dtype=lm.float64)

    def f(x):
        table[0] = x
        x[...] = x + 1  # the argument, and what is made here, are nobody's but the function's own
        y = x * 1
        y[...] = y * 2
        y.assign(y + 1)
        return y

    for value in (3.0, 4.0):
        x = lm.tensor(value, dtype=lm.float64)
        assert run(f)(x).item() == (value + 1) * 2 + 1
        assert table.tolist() == [value, 0, 0]
        assert x.item() == value


def test_elements_set_inside_keep_their_history():
    def f(w):
        x = w * 2
        lm.cond(lm.tensor(True), lambda: x.__setitem__(0, w.sum()), lambda: None)
        return (x * x).sum()

    lm.testing.check_gradients(f, lm.tensor([0.5, 1.0, 2.0]))


# ---- what a function captures --------------------------------------------------------------------
@pytest.mark.parametrize("requires_grad", [False, True])
def test_what_is_captured_is_constant_even_if_it_came_from_the_argument(requires_grad):
    x = lm.tensor(3.0, requires_grad=requires_grad)
    h = x * 2

    def f(z):
        return h * z * z

    assert lm.grad(f)(x).item() == 36
    assert lm.vjp(f, x)[1](lm.tensor(1.0))[0].item() == 36
    assert lm.jvp(f, [x], [lm.tensor(1.0)])[1].item() == 36
    assert lm.hessian(f)(x).item() == 12
    assert lm.grad(lambda y: lm.grad(lambda z: y * z * z)(y))(x).item() == 12
    if requires_grad:
        g = lm.grad(f)(x)  # 2 h z, of which h and z come from x
        assert lm.gradients(g, x).item() == 24
