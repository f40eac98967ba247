"""cond, scan, while_loop, checkpoint, custom_op and host_callback, as a user has them."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DTypeError, GradientError, ShapeError
from lamina.runtime import execute, families
from lamina.testing import check_gradients

RNG = np.random.default_rng(7)


def draw(*shape: int) -> lm.Tensor:
    return lm.tensor(RNG.uniform(-1, 1, shape))


def same(x, y, **tolerance):
    np.testing.assert_allclose(np.asarray(x), np.asarray(y),
                               **{"rtol": 1e-12, "atol": 1e-12, **tolerance})


@pytest.fixture(params=["cpu", "interpret", "check"])
def device(request, monkeypatch):
    """The compiler, the oracle, and both beside each other."""
    monkeypatch.setattr(execute.settings, "device",
                        "interpret" if request.param == "interpret" else "cpu")
    monkeypatch.setattr(execute.settings, "check", int(request.param == "check"))
    return request.param


# ---- cond ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [2.0, -2.0])
def test_cond_computes_the_chosen_branch(device, value):
    x = lm.tensor(value, dtype=lm.float64)
    w = draw(3)
    first, second = lm.cond(x > 0, lambda x, d: (x * w, d["a"] + 1), lambda x, d: (w, d["a"] * 2),
                            x, {"a": x})
    same(first, value * w.numpy() if value > 0 else w)
    same(second, value + 1 if value > 0 else value * 2)


def test_cond_runs_only_one_branch():
    calls = []

    def noted(name):
        def function(x):
            calls.append(name)
            return x
        return function

    spec = lm.ShapeDtype((), lm.float32)
    then, other = noted("then"), noted("other")
    for value in (1.0, -1.0):
        x = lm.tensor(value)
        lm.cond(x > 0, lambda x: lm.host_callback(then, spec, x),
                lambda x: lm.host_callback(other, spec, x), x).item()
    assert calls == ["then", "other"]


@pytest.mark.parametrize("run", [
    lambda f, w: lm.cond(lm.tensor(True), f, lambda: w), lambda f, w: lm.checkpoint(f)()])
def test_what_a_branch_computes_from_outside_stays_in_the_branch(run):
    w = draw(3)
    captured = run(lambda: w.exp().sin(), w).node.inputs[0].inputs
    assert all(not x.inputs for x in captured) and w.node in captured


def test_cond_of_a_python_bool_chooses_at_once():
    assert lm.cond(True, lambda: 1, lambda: "x") == 1


@pytest.mark.parametrize("value", [0.7, -0.7])
def test_gradients_of_cond(value):
    w = draw(3)

    def f(x, y, w):
        return lm.cond(x.sum() > 0, lambda y: (y * x * w).sin(), lambda y: (y + x) ** 3 * w, y)

    check_gradients(f, lm.tensor([value, value, value]), draw(3), w)


def test_vmap_of_cond_is_a_loop(device):
    xs, w = draw(5, 3), draw(3)

    def by_own_pred(x):
        return lm.cond(x.sum() > 0, lambda x: (x * w).sum(), lambda x: (x - w).sum(), x)

    same(lm.vmap(by_own_pred)(xs), [by_own_pred(xs[i]).item() for i in range(5)])
    flag = lm.tensor(True)

    def by_one_pred(x):
        return lm.cond(flag, lambda x: x * w, lambda x: w, x)

    same(lm.vmap(by_one_pred)(xs), np.stack([by_one_pred(xs[i]).numpy() for i in range(5)]))


def test_branches_agree_or_the_error_says_where():
    x = lm.ones((2, 3))
    with pytest.raises(ShapeError) as error:
        lm.cond(lm.tensor(True), lambda x: x, lambda x: x.sum(axis=0), x)
    text = str(error.value)
    assert text.startswith("ShapeError in cond, at test_control.py:")
    assert "  true_fn   float32 [2, 3]\n  false_fn  float32 [3]" in text
    assert "rule: both functions return the same nesting, shapes and dtypes" in text
    with pytest.raises(DTypeError, match=r"astype\(lm.float32\)"):
        lm.cond(lm.tensor(True), lambda x: x, lambda x: x.astype(lm.float64), x)
    with pytest.raises(ArgumentError, match=r"\(tensor, tensor\)"):
        lm.cond(lm.tensor(True), lambda x: (x, x), lambda x: x, x)
    with pytest.raises(ShapeError, match="zero-dimensional"):
        lm.cond(x > 0, lambda: 1, lambda: 2)


# ---- scan ----------------------------------------------------------------------------------------
def cell(h, x, w):
    return (h @ w + x).tanh()


def rnn(w, h, xs, **options):
    return lm.scan(lambda h, x: ((new := cell(h, x, w)), {"sum": new.sum(), "h": new}), h, xs,
                   **options)


def unrolled(w, h, xs, reverse=False):
    rows = [None] * xs.shape[0]
    for t in reversed(range(xs.shape[0])) if reverse else range(xs.shape[0]):
        h = cell(h, xs[t], w)
        rows[t] = h
    return h, rows


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_scan_is_a_loop(device, length, reverse):
    w, h, xs = draw(4, 4), draw(2, 4), draw(length, 2, 4)
    last, ys = rnn(w, h, xs, reverse=reverse)
    expected, rows = unrolled(w, h, xs, reverse)
    same(last, expected)
    same(ys["h"], np.stack([r.numpy() for r in rows]))
    same(ys["sum"], [r.numpy().sum() for r in rows])


def test_scan_without_turns(device):
    last, ys = rnn(draw(4, 4), h := draw(2, 4), lm.zeros((0, 2, 4), dtype=lm.float64))
    same(last, h)
    assert ys["h"].numpy().shape == (0, 2, 4)


def test_scan_without_xs_and_with_several_carries_that_change_places(device):
    (a, b), ys = lm.scan(lambda c, _: ((c[1], c[0] + c[1]), None),
                         (lm.tensor(0), lm.tensor(1)), length=10)
    assert (a.item(), b.item(), ys) == (55, 89, None)


def test_a_carry_that_stays_and_a_result_that_is_an_input(device):
    w = draw(3)
    (a, b), (y, z) = lm.scan(lambda c, x: ((c[0], x), (x, w)), (w, lm.zeros(3, dtype=lm.float64)),
                             xs := draw(4, 3))
    same(a, w)
    same(b, xs.numpy()[-1])
    same(y, xs)
    same(z, np.stack([w.numpy()] * 4))


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_of_scan(reverse):
    def f(w, h, xs):
        last, ys = rnn(w, h, xs, reverse=reverse)
        return last, ys["h"] * 2, ys["sum"]

    check_gradients(f, draw(2, 2), draw(1, 2), draw(3, 1, 2))


def test_gradients_of_scan_are_those_of_the_loop():
    w, h, xs = draw(4, 4), draw(2, 4), draw(6, 2, 4)
    found = lm.grad(lambda *a: (rnn(*a)[0] ** 2).sum(), (0, 1, 2))(w, h, xs)
    expected = lm.grad(lambda *a: (unrolled(*a)[0] ** 2).sum(), (0, 1, 2))(w, h, xs)
    for x, y in zip(found, expected):
        same(x, y)


def test_gradients_with_integer_carries_and_unused_inputs():
    def f(x, unused):
        (_, total), _ = lm.scan(lambda c, x: ((c[0] + 1, c[1] + x * c[0]), x),
                                (lm.tensor(0), lm.tensor(0.0, dtype=lm.float64)), x)
        return total

    x = draw(5)
    g, none = lm.grad(f, (0, 1))(x, draw(2))
    same(g, np.arange(5.0))
    same(none, [0, 0])


def test_backward_through_scan():
    w = lm.tensor(RNG.uniform(-1, 1, (3, 3)), requires_grad=True)
    xs, h = draw(4, 2, 3), draw(2, 3)
    rnn(w, h, xs)[0].sum().backward()
    other = lm.tensor(w.numpy(), requires_grad=True)
    unrolled(other, h, xs)[0].sum().backward()
    same(w.grad, other.grad)


def test_forward_mode_through_scan():
    w, h, xs, move = draw(2, 2), draw(1, 2), draw(3, 1, 2), draw(2, 2)
    _, tangent = lm.jvp(lambda w: rnn(w, h, xs)[0].sum(), [w], [move])
    up, down = (rnn(w + move * s, h, xs)[0].sum().item() for s in (1e-6, -1e-6))
    assert tangent.item() == pytest.approx((up - down) / 2e-6, rel=1e-6)


@pytest.mark.parametrize("axes", [(0, None, None), (None, 0, None), (None, None, 0), (0, 0, 0),
                                  (None, 0, 1)])
def test_vmap_of_scan_is_a_loop(device, axes):
    n = 3
    args = [draw(*s) for s in ((4, 4), (2, 4), (5, 2, 4))]
    many = [x if a is None else lm.stack([x * (i + 1) for i in range(n)], axis=a)
            for x, a in zip(args, axes)]

    def f(w, h, xs):
        last, ys = rnn(w, h, xs)
        return last, ys["sum"]

    last, sums = lm.vmap(f, in_axes=axes)(*many)
    for i in range(n):
        one = [x if a is None else x * (i + 1) for x, a in zip(args, axes)]
        expected, row = f(*one)
        same(last.numpy()[i], expected)
        same(sums.numpy()[i], row)


def test_vmap_of_grad_of_scan():
    w, h, xs = draw(2, 2), draw(3, 1, 2), draw(4, 1, 2)

    def g(h):
        return lm.grad(lambda w: rnn(w, h, xs)[0].sum())(w)

    same(lm.vmap(g)(h), np.stack([g(h[i]).numpy() for i in range(3)]))


def test_scan_in_scan_and_cond_in_scan(device):
    xs = draw(3, 4)

    def outer(c, row):
        inner, _ = lm.scan(lambda a, x: (lm.cond(x > 0, lambda: a + x * c, lambda: a * 0.5), None),
                           c, row)
        return inner, inner

    last, _ = lm.scan(outer, lm.tensor(1.0, dtype=lm.float64), xs)
    c = 1.0
    for row in xs.numpy():
        a = c
        for x in row:
            a = a + x * c if x > 0 else a * 0.5
        c = a
    assert last.item() == pytest.approx(c, rel=1e-12)
    if device == "cpu":
        check_gradients(lambda xs: lm.scan(outer, lm.tensor(1.0, dtype=lm.float64), xs), xs)


def test_numbers_that_differ_between_calls_inside_bodies():
    def run(xs, k):
        return lm.scan(lambda c, x: (c * k + lm.cond(x > 0, lambda: x * k, lambda: x - k), None),
                       lm.tensor(1.0, dtype=lm.float64), xs)[0]

    for k in (2.0, 3.0, 5.0):
        last = run(xs := draw(4), k)
        c = 1.0
        for x in xs.numpy():
            c = c * k + (x * k if x > 0 else x - k)
        assert last.item() == pytest.approx(c, rel=1e-12)


def test_random_draws_go_from_turn_to_turn(device):
    lm.seed(3)
    _, ys = lm.scan(lambda c, _: (c, lm.uniform((2,))), lm.tensor(0.0), length=4)
    found = ys.numpy()
    after = lm.uniform((2,)).numpy()
    lm.seed(3)
    expected = np.stack([lm.uniform((2,)).numpy() for _ in range(4)])
    same(found, expected)
    same(after, lm.uniform((2,)))


def test_a_longer_scan_compiles_nothing_new():
    w, h = draw(4, 4), draw(2, 4)
    programs = []
    for length in (7, 11, 1000, 13):
        xs = draw(length, 2, 4)
        before = families.count()
        last = rnn(w, h, xs)[0].numpy()
        programs.append(families.count() - before)
        same(last, unrolled(w, h, xs)[0] if length < 20 else last)
    assert programs[1:] in ([1, 0, 0], [0, 0, 0])


def test_the_carry_keeps_its_shape_or_the_error_says_so():
    with pytest.raises(ShapeError) as error:
        lm.scan(lambda c, x: (c[None] + x, None), lm.zeros(3), lm.zeros((4, 3)))
    assert "  init      float32 [3]\n  returned  float32 [1, 3]" in str(error.value)
    with pytest.raises(ArgumentError, match="f returns a pair"):
        lm.scan(lambda c, x: c, lm.zeros(3), lm.zeros((4, 3)))
    with pytest.raises(ShapeError, match="first axes of all xs are equal"):
        lm.scan(lambda c, x: (c, None), lm.zeros(3), (lm.zeros(3), lm.zeros(4)))
    with pytest.raises(ShapeError, match="length"):
        lm.scan(lambda c, x: (c, None), lm.zeros(3))


# ---- while_loop ----------------------------------------------------------------------------------
def collatz(n):
    return lm.while_loop(lambda s: s[0] != 1, lambda s: (
        lm.where(s[0] % 2 == 0, s[0] // 2, 3 * s[0] + 1), s[1] + 1), (n, lm.tensor(0)))


def steps(n):
    count = 0
    while n != 1:
        n, count = (n // 2 if n % 2 == 0 else 3 * n + 1), count + 1
    return count


def test_while_loop(device):
    for n in (1, 2, 27):
        assert collatz(lm.tensor(n))[1].item() == steps(n)


def test_vmap_of_while_loop_runs_until_all_are_done(device):
    numbers = lm.tensor([1, 6, 27, 97])
    last, counts = lm.vmap(collatz)(numbers)
    assert last.tolist() == [1, 1, 1, 1]
    assert counts.tolist() == [steps(n) for n in (1, 6, 27, 97)]


def test_vmap_of_while_loop_with_one_number_of_turns(device):
    xs, limit = draw(3, 2), lm.tensor(4)
    found = lm.vmap(lambda x: lm.while_loop(lambda s: s[0] < limit, lambda s: (s[0] + 1, s[1] * x),
                                            (lm.tensor(0), x)))(xs)
    same(found[1], xs.numpy() ** 5)
    assert found[0].tolist() == [4, 4, 4]


def powers(x, w, max_steps=None):
    """x times w until it is large; and the sum on the way, the turns, and what no turn changes."""
    return lm.while_loop(
        lambda s: (s["x"] ** 2).sum() < 10,
        lambda s: {"x": (s["x"] * w).sin() * 3, "sum": s["sum"] + s["x"].sum() * w, "n": s["n"] + 1,
                   "w": s["w"]},
        {"x": x, "sum": w * 0, "n": lm.tensor(0), "w": w}, max_steps=max_steps)


def in_python(x, w, max_steps=9):
    total, n = w * 0, 0
    while n < max_steps and (x ** 2).sum().item() < 10:
        x, total, n = (x * w).sin() * 3, total + x.sum() * w, n + 1
    return {"x": x, "sum": total, "w": w}


POINTS = [(0.05, 1.1), (0.4, 1.3), (4.0, 1.3)]  # 4, 2 and no turns


def start(x, w):
    return lm.tensor([x, x * 2], dtype=lm.float64), lm.tensor([w, w + 0.1], dtype=lm.float64)


@pytest.mark.parametrize(("max_steps", "turns"), [(0, 0), (3, 3), (50, 10)])
def test_while_loop_ends_after_so_many_turns(device, max_steps, turns):
    last = lm.while_loop(lambda n: n < 10, lambda n: n + 1, lm.tensor(0), max_steps=max_steps)
    assert last.item() == turns
    counts = lm.vmap(lambda n: lm.while_loop(lambda n: n < 10, lambda n: n + 1, n,
                                             max_steps=max_steps))(lm.tensor([0, 8, 12]))
    assert counts.tolist() == [turns, min(10, 8 + turns), 12]


@pytest.mark.parametrize("max_steps", [9, 2, 0])
@pytest.mark.parametrize("point", POINTS)
def test_gradients_of_while_loop(point, max_steps):
    def floats(x, w):
        last = powers(x, w, max_steps)
        return last["x"], last["sum"], last["w"]

    check_gradients(floats, *start(*point))

    def g(f):
        return lm.grad(lambda *a: f(*a, max_steps)["sum"].sum(), (0, 1))(*start(*point))

    for found, expected in zip(g(powers), g(in_python)):
        same(found, expected)


@pytest.mark.parametrize("max_steps", [None, 9])
@pytest.mark.parametrize("point", POINTS)
def test_forward_mode_through_while_loop(point, max_steps, device):
    x, w = start(*point)
    moves = draw(2), draw(2)
    value, change = lm.jvp(lambda *a: powers(*a, max_steps), [x, w], moves)
    _, expected = lm.jvp(in_python, [x, w], moves)
    for name, moved in expected.items():
        same(change[name], moved)
    assert change["n"].numpy() == 0 and value["n"].item() == powers(x, w)["n"].item()


def test_forward_mode_of_forward_mode_through_while_loop():
    def second(f):
        def first(x, w):
            return lm.jvp(lambda w: f(x, w)["sum"], [w], [w * 0 + 1])[1]
        x, w = start(*POINTS[0])
        return lm.jvp(lambda x: first(x, w), [x], [x])[1]

    same(second(powers), second(in_python))


def test_vmap_of_the_gradient_of_while_loop():
    pairs = [start(*p) for p in POINTS]
    xs, ws = (lm.stack([pair[i] for pair in pairs]) for i in (0, 1))
    g = lm.grad(lambda x, w: powers(x, w, 9)["sum"].sum(), (0, 1))
    for found, one_by_one in zip(lm.vmap(g)(xs, ws), zip(*(g(*p) for p in pairs))):
        same(found, np.stack([x.numpy() for x in one_by_one]))


def test_gradient_of_a_compiled_while_loop_inside_a_scan():
    @lm.compile
    def g(x, w):
        return lm.grad(lambda w: lm.scan(lambda c, _: (powers(c, w, 5)["x"] * 0.1, None), x,
                                         length=3)[0].sum())(w)

    def looped(w):
        c = x
        for _ in range(3):
            c = in_python(c, w, 5)["x"] * 0.1
        return c.sum()

    x, w = start(*POINTS[0])
    same(g(x, w), lm.grad(looped)(w))


def test_while_loop_without_max_steps_has_no_gradient_and_says_so():
    with pytest.raises(GradientError, match="try: while_loop\\(..., max_steps=N\\)"):
        lm.grad(lambda x: lm.while_loop(lambda y: y < 3, lambda y: y * x, x))(lm.tensor(1.5))
    for wrong in (-1, 1.5, "many"):
        with pytest.raises(ArgumentError, match="max_steps is a number of turns"):
            lm.while_loop(lambda n: n < 3, lambda n: n + 1, lm.tensor(0), max_steps=wrong)
    with pytest.raises(DTypeError, match="cond_fn returns a bool"):
        lm.while_loop(lambda n: n, lambda n: n, lm.tensor(1))


# ---- compile -------------------------------------------------------------------------------------
def test_control_flow_inside_compile():
    @lm.compile
    def step(w, h, xs, flag):
        last, ys = rnn(w, h, xs)
        g = lm.grad(lambda w: rnn(w, h, xs)[0].sum())(w)
        picked = lm.cond(flag, lambda: last, lambda: last * 0)
        turns = lm.while_loop(lambda n: n < 5, lambda n: n + 1, lm.tensor(0))
        return picked, ys["sum"], g, turns

    w, h, xs = draw(4, 4), draw(2, 4), draw(5, 2, 4)
    for flag in (True, False):
        picked, sums, g, turns = step(w, h, xs, lm.tensor(flag))
        last, rows = unrolled(w, h, xs)
        same(picked, last.numpy() * flag)
        same(sums, [r.numpy().sum() for r in rows])
        same(g, lm.grad(lambda w: unrolled(w, h, xs)[0].sum())(w))
        assert turns.item() == 5
    assert step.recordings == 1


def test_a_compiled_function_inside_a_body_and_inside_a_program():
    double = lm.compile(lambda x: x * 2)
    assert double(lm.tensor(3.0)).item() == 6
    last, _ = lm.scan(lambda c, _: (double(c), None), lm.tensor(1.0), length=5)
    assert last.item() == 32
    outer = lm.compile(lambda x: double(x) + double(x + 1))
    assert outer(lm.tensor(1.0)).item() == 6


def test_training_through_a_scan_learns():
    lm.seed(0)
    w = lm.tensor(RNG.uniform(-0.1, 0.1, (4, 4)), requires_grad=True)
    xs, goal = draw(6, 8, 4), draw(8, 4) * 0.5

    @lm.compile
    def step():
        loss = ((rnn(w, lm.zeros((8, 4), dtype=lm.float64), xs)[0] - goal) ** 2).mean()
        w.assign(w - 0.5 * lm.gradients(loss, w))
        return loss

    losses = [step().item() for _ in range(40)]
    assert losses[-1] < 0.9 * losses[0]


# ---- checkpoint ----------------------------------------------------------------------------------
def test_checkpoint_has_the_same_values_and_gradients(device):
    w, x = draw(3, 3), draw(2, 3)

    def block(x):
        return (x @ w).sin().exp()

    once, again = block(x), lm.checkpoint(block)(x)
    same(once, again)
    same(lm.grad(lambda x: block(x).sum())(x), lm.grad(lambda x: lm.checkpoint(block)(x).sum())(x))


def test_gradients_of_checkpoint():
    w = draw(3, 3)
    check_gradients(lambda x, w: lm.checkpoint(lambda x: ((x @ w).sin().exp(), x * x))(x),
                    draw(2, 3), w)


def test_checkpoint_needs_less_memory():
    w = draw(64, 64)

    def peak(wrap):
        def block(x):
            for _ in range(6):
                x = (x @ w).sin()
            return x

        @lm.compile
        def step(x):
            def loss(x):
                for _ in range(4):
                    x = wrap(block)(x)
                return x.sum()
            return lm.grad(loss)(x)

        step(draw(256, 64))
        return next(iter(step._known.values()))[0].bound.arena_bytes

    assert peak(lm.checkpoint) < 0.7 * peak(lambda f: f)


def test_checkpoint_draws_the_same_numbers_again():
    def f(x):
        return (x * lm.uniform((3,), dtype=lm.float64)) ** 2

    x = draw(3)
    lm.seed(5)
    plain = lm.grad(lambda x: f(x).sum())(x).numpy()
    lm.seed(5)
    same(lm.grad(lambda x: lm.checkpoint(f)(x).sum())(x), plain)


def test_vmap_of_checkpoint():
    xs = draw(4, 3)
    f = lm.checkpoint(lambda x: (x * x).sin().sum())
    same(lm.vmap(lm.grad(f))(xs), 2 * xs.numpy() * np.cos(xs.numpy() ** 2))


# ---- custom_op -----------------------------------------------------------------------------------
cube = lm.custom_op(lambda x, scale=1.0: x * x * x * scale,
                    lambda g, y, x, scale=1.0: 30 * g * x * x * scale)


def test_custom_op_has_the_gradient_that_was_given(device):
    x = draw(3)
    same(cube(x, scale=2.0), 2 * x.numpy() ** 3)
    same(lm.grad(lambda x: cube(x, scale=2.0).sum())(x), 60 * x.numpy() ** 2)
    assert lm.grad(lm.grad(cube))(lm.tensor(2.0)).item() == 120


def test_custom_op_of_several_inputs_and_results():
    both = lm.custom_op(lambda x, y: (x * y, x + y),
                        lambda g, out, x, y: (g[0] * y + g[1], g[0] * x + g[1]))
    check_gradients(both, draw(3), draw(3))


def test_vmap_of_custom_op():
    xs, w = draw(4, 3), draw(3)
    op = lm.custom_op(lambda x, w: (x * w).sum(), lambda g, y, x, w: (7 * g * w, g * x))
    same(lm.vmap(lm.grad(op))(xs, lm.stack([w] * 4)), np.stack([7 * w.numpy()] * 4))
    same(lm.grad(lambda w: lm.vmap(lambda x: op(x, w))(xs).sum())(w), xs.numpy().sum(0))
    same(lm.grad(lambda xs: lm.vmap(lambda x: op(x, w))(xs).sum())(xs),
         np.stack([7 * w.numpy()] * 4))


def test_custom_op_inside_scan_and_compile():
    f = lm.compile(lm.grad(lambda x: lm.scan(lambda c, x: (c + cube(x), None),
                                             lm.tensor(0.0, dtype=lm.float64), x)[0]))
    x = draw(4)
    same(f(x), 30 * x.numpy() ** 2)


def test_a_cotangent_of_another_shape_is_refused():
    op = lm.custom_op(lambda x: x * 2, lambda g, y, x: g.sum())
    with pytest.raises(ShapeError, match="a cotangent has the shape and dtype of its input"):
        lm.grad(lambda x: op(x).sum())(draw(3))


# ---- host_callback -------------------------------------------------------------------------------
def test_host_callback_in_the_middle_of_a_program(device):
    x = draw(4)
    y = lm.host_callback(np.sort, lm.ShapeDtype((4,), lm.float64), x * 2)
    same(y + 1, np.sort(x.numpy() * 2) + 1)


def test_host_callback_of_trees_inside_scan_and_compile():
    def f(state, k):
        return {"out": state["a"] * k, "n": np.asarray(3)}

    spec = {"out": lm.ShapeDtype((2,), lm.float32), "n": lm.ShapeDtype((), lm.int64)}

    @lm.compile
    def run(x):
        def turn(c, k):
            found = lm.host_callback(f, spec, {"a": c}, k)
            return found["out"], found["n"]
        return lm.scan(turn, x, lm.tensor([1.0, 2.0, 3.0]))

    for value in (1.0, 2.0):
        last, ns = run(lm.tensor([value, 1.0]))
        assert last.tolist() == [6 * value, 6.0] and ns.tolist() == [3, 3, 3]


def test_vmap_of_host_callback_calls_it_for_each(device):
    xs = draw(3, 4)
    spec = lm.ShapeDtype((4,), lm.float64)
    same(lm.vmap(lambda x: lm.host_callback(np.sort, spec, x))(xs), np.sort(xs.numpy()))


def test_what_a_callback_raises_comes_out(device):
    def fails(x):
        raise KeyError("here")

    y = lm.host_callback(fails, lm.ShapeDtype((), lm.float32), lm.tensor(1.0))
    with pytest.raises(KeyError, match="here"):
        y.item()
    assert lm.tensor(1.0).item() == 1
    z = lm.host_callback(lambda x: x, lm.ShapeDtype((2,), lm.float32), lm.tensor(1.0))
    with pytest.raises(ShapeError, match="promised"):
        z.numpy()


def test_host_callback_has_no_gradient_and_says_so():
    with pytest.raises(GradientError, match="custom_op"):
        lm.grad(lambda x: lm.host_callback(np.sin, lm.ShapeDtype((), lm.float32), x))(
            lm.tensor(1.0))
    with pytest.raises(ArgumentError, match="at least one array"):
        lm.host_callback(print, None, lm.tensor(1.0))


# ---- check_gradients -----------------------------------------------------------------------------
def test_check_gradients_finds_a_wrong_gradient():
    with pytest.raises(GradientError, match="the gradient is the numeric slope"):
        check_gradients(cube, draw(3))


def test_backward_inside_a_body_is_refused():
    w = lm.tensor(2.0, requires_grad=True)

    def body(c, x):
        (w * x).backward()
        return c, None

    with pytest.raises(GradientError, match="inside a body"):
        lm.scan(body, lm.tensor(0.0), lm.ones(3))
