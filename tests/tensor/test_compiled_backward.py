"""`backward` inside a compiled function: `grad` after it is that of the undecorated function."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.config import override
from lamina.errors import GradientError

X = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(np.float32)  # four micro-batches


def model_and_optimizer(kind=lm.optim.Adam):
    lm.seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.2), nn.Linear(4, 1))
    return model, kind(model.parameters(), lr=0.1)


def backward(model, x):
    loss = (model(x) ** 2).mean() / 4
    loss.backward()
    return loss


# (compiled part, what is around it), each called with model, optimizer, compile
def micro_step(model, optimizer, wrap):
    micro = wrap(lambda x: backward(model, x))

    def step():
        losses = [micro(x) for x in map(lm.tensor, X)]
        optimizer.step()
        optimizer.zero_grad()
        return losses

    return step


def accumulating_for_ever(model, optimizer, wrap):
    micro = wrap(lambda x: backward(model, x))
    return lambda: [micro(lm.tensor(X[0])), optimizer.step()][:1]


def zero_grad_first(model, optimizer, wrap):
    def step(x):
        optimizer.zero_grad()
        loss = backward(model, x)
        optimizer.step()
        return loss

    step = wrap(step)
    return lambda: [step(lm.tensor(X[0]))]


def zero_grad_last(model, optimizer, wrap):
    def step(x):
        loss = backward(model, x)
        optimizer.step()
        optimizer.zero_grad()
        return loss

    step = wrap(step)
    return lambda: [step(lm.tensor(X[0]))]


def all_but_the_last_outside(model, optimizer, wrap):
    last = wrap(lambda x: [backward(model, x), optimizer.step()][0])

    def step():
        losses = [backward(model, lm.tensor(X[0])), last(lm.tensor(X[1]))]
        optimizer.zero_grad()
        return losses

    return step


def only_the_step_inside(model, optimizer, wrap):
    update = wrap(lambda: [optimizer.step(), model[0].weight.detach()][1])

    def step():
        optimizer.zero_grad()
        return [backward(model, lm.tensor(X[0])), update()]

    return step


def all_micro_batches_inside(model, optimizer, wrap):
    def step(xs):
        losses = [backward(model, x) for x in xs]
        optimizer.step()
        return losses

    step = wrap(step)
    return lambda: step(lm.tensor(X))


def scaled(how):
    def build(model, optimizer, wrap):
        def scale():
            for p in model.parameters():
                if how == "assign":
                    p.grad.assign(p.grad * 0.5)
                else:
                    p.grad = p.grad * 0.5
            return model[0].bias.grad.sum()

        scale = wrap(scale)

        def step():
            losses = [backward(model, lm.tensor(X[0])), scale()]
            optimizer.step()
            return losses

        return step
    return build


def with_penalty_on_the_gradient(model, optimizer, wrap):
    def step(x):
        loss = backward(model, x)
        norm = sum((p.grad**2).sum() for p in model.parameters())
        for p in model.parameters():
            p.grad = p.grad / (1 + norm)
        return loss + norm

    step = wrap(step)
    return lambda: [step(lm.tensor(X[0])), optimizer.step()][:1]


LOOPS = [micro_step, accumulating_for_ever, zero_grad_first, zero_grad_last,
         all_but_the_last_outside, only_the_step_inside, all_micro_batches_inside,
         scaled("assign"), scaled("set"), with_penalty_on_the_gradient]


def history_of(build, wrap, kind):
    model, optimizer = model_and_optimizer(kind)
    step, found = build(model, optimizer, wrap), []
    for _ in range(4):
        found += [x.numpy() for x in step()]
        found += [p.numpy() for p in model.parameters()]
        found += [np.zeros(0) if p.grad is None else p.grad.numpy() for p in model.parameters()]
    return found


@pytest.mark.parametrize("kind", [lm.optim.SGD, lm.optim.Adam])
@pytest.mark.parametrize("build", LOOPS, ids=lambda f: f.__qualname__)
def test_the_undecorated_loop(build, kind):
    for one, other in zip(history_of(build, lm.compile, kind),
                          history_of(build, lambda f: f, kind), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=1e-6)


def test_gradients_that_somebody_holds_stay():
    w = nn.Parameter([1.0, 2.0])
    step, held = lm.compile(lambda x: [(w * w * x).sum().backward(), x * 1][1]), []
    for _ in range(5):
        step(lm.tensor(1.0))
        held.append(w.grad)
    assert [g.tolist() for g in held] == [[2.0 * k, 4.0 * k] for k in range(1, 6)]


def test_gradients_add_up_in_their_memory():
    w = nn.Parameter(np.ones(1000, np.float32))
    step = lm.compile(lambda x: [(w * x).sum().backward(), x * 1][1])
    step(lm.tensor(1.0))
    step(lm.tensor(1.0))
    address = w.grad.node.value.address
    step(lm.tensor(1.0))
    assert (w.grad.node.value.address, w.grad.tolist()[0]) == (address, 3.0)


@pytest.mark.parametrize("wrap", [lm.compile, lambda f: f], ids=["compiled", "plain"])
def test_gradients_of_arguments(wrap):
    step = wrap(lambda x: [(x * x * x).sum().backward(), x * 1][1])
    x, v = lm.tensor([1.0, 2.0], requires_grad=True), nn.Parameter([3.0, 4.0])
    for turn in (1, 2):
        step(x)
        assert x.grad.tolist() == [3.0 * turn, 12.0 * turn]
        step(v * 2)  # its history goes on outside
        assert v.grad.tolist() == [216.0 * turn, 384.0 * turn]
    step(lm.tensor([5.0, 6.0], requires_grad=True))
    assert x.grad.tolist() == [6.0, 24.0]
    reads = wrap(lambda x: x.grad * 2)
    assert reads(x).tolist() == [12.0, 48.0]
    x.grad = lm.tensor([1.0, 1.0])
    assert reads(x).tolist() == [2.0, 2.0]
    wrap(lambda x: [x.grad.assign(x.grad * 3), x * 1][1])(x)
    assert x.grad.tolist() == [3.0, 3.0]


def test_a_gradient_that_is_there_and_one_that_is_not_are_two_recordings():
    w = nn.Parameter([2.0])
    step = lm.compile(lambda: [(w * w).sum().backward(), w.detach()][1])
    for expected in (4.0, 8.0, 12.0):
        step()
        assert w.grad.tolist() == [expected]
    w.grad = None
    step()
    assert (w.grad.tolist(), step.recordings) == ([4.0], 2)


def test_history_from_outside_is_refused():
    w = nn.Parameter([2.0])
    h = w * w
    with pytest.raises(GradientError, match="begins inside of it"):
        lm.compile(lambda x: [(h * x).sum().backward(), x * 1][1])(lm.tensor(1.0))
    assert w.grad is None


def test_a_function_that_raises_leaves_gradients_as_they_were():
    w = nn.Parameter([2.0])

    def fails():
        (w * w).sum().backward()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lm.compile(fails)()
    assert w.grad is None


def test_under_the_check():
    with override(check=True):
        test_a_gradient_is_added_up()


def test_a_gradient_is_added_up():
    w = nn.Parameter([2.0])
    step = lm.compile(lambda x: [(w * x).sum().backward(), x * 1][1])
    step(lm.tensor(1.0))
    step(lm.tensor(2.0))
    assert w.grad.tolist() == [3.0]
