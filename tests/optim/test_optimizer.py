"""Groups, learning rates, state and errors of optimizers."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, FormatError, GradientError, ShapeError
from lamina.optim import SGD, Adam


def parameter(*values):
    return lm.nn.Parameter(np.array(values, np.float32))


def step(opt, *parameters):
    """One step with a gradient of 1 for all parameters."""
    for p in parameters:
        p.sum().backward()
    opt.step()
    opt.zero_grad()


def test_learning_rate_can_be_set():
    p = parameter(0.0)
    opt = SGD([p], lr=1.0)
    step(opt, p)
    opt.lr = 0.5
    step(opt, p)
    opt.param_groups[0]["lr"] *= 0.5
    step(opt, p)
    assert p.item() == -1.75
    assert opt.lr == 0.25
    assert opt.step_count.item() == 3


def test_learning_rate_may_be_a_tensor():
    p = parameter(0.0)
    step(SGD([p], lr=lm.tensor(0.5)), p)
    assert p.item() == -0.5


def test_learning_rate_may_be_a_schedule():
    p = parameter(0.0)
    opt = SGD([p], lr=lambda step: 1.0 / (1.0 + step))
    assert opt.lr == 1.0
    step(opt, p)
    assert p.item() == -1.0
    step(opt, p)
    assert p.item() == -1.5
    assert opt.lr == 0.5
    opt.lr = 2.0
    step(opt, p)
    assert p.item() == -3.5
    opt.lr = lambda step: step * 0.0 + 0.25
    step(opt, p)
    assert p.item() == -3.75


def test_a_compiled_step_follows_the_learning_rate():
    p = parameter(0.0)
    opt = SGD([p], lr=1.0)

    @lm.compile
    def train(x):
        (p * x).sum().backward()
        opt.step()
        opt.zero_grad()

    x = lm.tensor([1.0])
    train(x)
    assert p.item() == -1.0
    opt.lr = 0.25
    train(x)
    assert p.item() == -1.25
    assert opt.step_count.item() == 2


def test_groups():
    a, b, c = parameter(0.0), parameter(0.0), parameter(1.0)
    opt = SGD([{"params": [a]}, {"params": b, "lr": 0.5}, {"params": [c], "weight_decay": 1.0}],
              lr=1.0)
    step(opt, a, b, c)
    assert (a.item(), b.item(), c.item()) == (-1.0, -0.5, -1.0)
    assert [group["weight_decay"] for group in opt.param_groups] == [0.0, 0.0, 1.0]
    assert opt.param_groups[0].keys() == ["params", "lr", "momentum", "dampening", "weight_decay",
                                          "nesterov", "maximize"]
    assert opt.param_groups[0]["params"][0] is a


def test_named_parameters_are_accepted():
    layer = lm.nn.Linear(2, 2)
    assert SGD(layer.named_parameters(), lr=1.0).param_groups[0].params == [layer.weight,
                                                                           layer.bias]


def test_parameters_without_a_gradient_stay():
    a, b = parameter(1.0), parameter(1.0)
    opt = Adam([a, b], lr=0.1, weight_decay=0.5)
    step(opt, a)
    assert b.item() == 1.0
    assert opt.state_dict()["0.1.exp_avg"].item() == 0.0


def test_zero_grad_forgets_and_backward_adds():
    p = parameter(1.0)
    p.sum().backward()
    p.sum().backward()
    assert p.grad.item() == 2.0
    SGD([p]).zero_grad()
    assert p.grad is None


def test_a_closure_computes_the_loss():
    p = parameter(1.0)

    def closure():
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert SGD([p], lr=0.5).step(closure).item() == 1.0
    assert p.item() == 0.0


def test_resuming_continues_exactly():
    def make():
        p = parameter(1.0, 2.0)
        return p, Adam([p], lr=0.1)

    def train(p, opt, steps):
        for _ in range(steps):
            (p * p).sum().backward()
            opt.step()
            opt.zero_grad()

    p, opt = make()
    train(p, opt, 3)
    opt.lr = 0.05
    other, resumed = make()
    other.assign(p.detach())
    resumed.load_state_dict(opt.state_dict())
    assert resumed.lr == np.float32(0.05)
    train(p, opt, 3)
    train(other, resumed, 3)
    np.testing.assert_array_equal(p.numpy(), other.numpy())
    assert list(opt.state_dict()) == ["step", "0.lr", "0.0.exp_avg", "0.0.exp_avg_sq"]


def test_state_of_another_optimizer_is_refused():
    p = parameter(1.0)
    with pytest.raises(FormatError, match=r"missing +0\.0\.exp_avg"):
        Adam([p]).load_state_dict(SGD([p]).state_dict())
    with pytest.raises(ShapeError, match=r"0\.0\.exp_avg "):
        Adam([p]).load_state_dict(Adam([parameter(1.0, 2.0)]).state_dict())


def test_a_step_without_gradients_is_an_error():
    p = parameter(1.0)
    opt = SGD([p])
    with pytest.raises(GradientError, match=r"try: loss\.backward\(\) before step\(\)"):
        opt.step()
    assert opt.step_count.item() == 0
    p.requires_grad = False
    with pytest.raises(GradientError, match=r"try: model\.unfreeze\(\)"):
        opt.step()


@pytest.mark.parametrize(("make", "message"), [
    (lambda p: SGD([]), "at least one parameter"),
    (lambda p: SGD([p, p]), "given again"),
    (lambda p: SGD([{"params": [p]}, {"params": [p]}]), "given again"),
    (lambda p: SGD([lm.tensor([1, 2])]), "float tensor"),
    (lambda p: SGD([np.ones(2)]), "float tensor"),
    (lambda p: SGD([{"params": [p], "momentun": 0.9}]), "a group has params, lr, momentum"),
    (lambda p: SGD([p], lr=-1.0), "lr is a finite number of at least 0"),
    (lambda p: SGD([p], lr="fast"), "lr is a finite number"),
    (lambda p: SGD([p], lr=float("nan")), "lr is a finite number"),
    (lambda p: SGD([p], momentum=-0.1), "momentum"),
    (lambda p: SGD([p], nesterov=True), "nesterov needs a momentum"),
    (lambda p: Adam([p], betas=(0.9, 1.0)), r"betas\[1\].*less than 1"),
    (lambda p: Adam([p], eps=-1.0), "eps"),
    (lambda p: Adam([p], betas=0.9), "betas are two numbers"),
    (lambda p: SGD(None), "an iterable of parameters"),
    (lambda p: SGD("p"), "an iterable of parameters"),
    (lambda p: SGD([{"lr": 0.1}]), "a group has params"),
])
def test_wrong_arguments(make, message):
    with pytest.raises(ArgumentError, match=f"(?s){message}"):
        make(parameter(1.0))


def test_only_the_learning_rate_may_change():
    opt = SGD([parameter(1.0)], momentum=0.9)
    with pytest.raises(ArgumentError, match="only lr may change"):
        opt.param_groups[0]["momentum"] = 0.5


def test_repr():
    assert repr(SGD([parameter(1.0)], lr=0.5)) == (
        "SGD(ParameterGroup(1 parameters, lr=0.5, momentum=0.0, dampening=0.0, weight_decay=0.0, "
        "nesterov=False, maximize=False))"
    )


def test_rates_of_float64_parameters_are_float64():
    p = lm.nn.Parameter(np.array([1.0]))
    optimizer = lm.optim.SGD([p], lr=0.1)
    for rate in (0.1, 0.3):
        optimizer.lr = rate
        p.assign(lm.tensor(np.array([1.0])))
        p.sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        assert p.item() == 1.0 - rate
