"""What backward keeps, what it drops, and what it says when something is gone."""

import numpy as np
import pytest

import lamina as lm
from lamina.config import override
from lamina.errors import GradientError


def pair():
    return lm.nn.Parameter([2.0]), lm.nn.Parameter([5.0])


def test_history_behind_detach_stays():
    w, v = pair()
    f = w * 3.0
    (f.detach() * v).sum().backward()
    lm.eval(f, v.grad)
    f.sum().backward()
    assert w.grad.tolist() == [3.0]


def test_history_that_was_dropped_is_an_error_not_a_missing_gradient():
    w, v = pair()
    f = w * 3.0
    (f * v).sum().backward()
    lm.eval(f, v.grad, w.grad)
    with pytest.raises(GradientError, match="dropped a part"):
        (f * v * v).sum().backward()


def test_a_value_that_was_read_keeps_its_history():
    w, _ = pair()
    loss = (w * w).sum()
    assert loss.item() == 4.0
    loss.backward()
    assert w.grad.tolist() == [4.0]


def test_compiled_functions_run_on_the_device_that_is_set(monkeypatch):
    from lamina.runtime import execute

    calls = []
    interpret = execute.interpret
    monkeypatch.setattr(execute, "interpret", lambda *a: calls.append(1) or interpret(*a))
    double = lm.compile(lambda x: x * 2.0)
    x = lm.tensor([1.0, 2.0])
    with override(device="interpret"):
        np.testing.assert_array_equal(double(x).numpy(), [2, 4])
    assert calls


def test_zero_dimensional_values_pass_the_check():
    with override(check=True):
        assert lm.zeros((), dtype=lm.int64).item() == 0


def test_a_compiled_step_updates_in_place_unless_somebody_holds_the_old_value():
    w, _ = pair()
    step = lm.compile(lambda: w.assign(w * 2.0).detach())
    step()
    address = w.node.value.address
    step()
    assert w.node.value.address == address
    kept = w.detach()
    step()
    assert (w.tolist(), kept.tolist()) == ([16.0], [8.0])


# ---- a second backward ---------------------------------------------------------------------------
READ = {
    "nothing": lambda w, h, loss: None,
    "the loss": lambda w, h, loss: loss.item(),
    "the gradient": lambda w, h, loss: w.grad.numpy(),
    "what lies between": lambda w, h, loss: h.numpy(),
    "all": lambda w, h, loss: lm.eval(h, loss, w.grad),
}


@pytest.mark.parametrize("before", READ)
@pytest.mark.parametrize("between", READ)
def test_a_second_backward_is_an_error_whatever_was_read(before, between):
    w, v = pair()
    w.grad = lm.zeros(1)
    h = w * w
    loss = (h * v).sum()
    READ[before](w, h, loss)
    loss.backward()
    READ[between](w, h, loss)
    with pytest.raises(GradientError, match="drops it after use(.|\n)*retain_graph=True"):
        loss.backward()
    with pytest.raises(GradientError, match="dropped a part(.|\n)*retain_graph=True"):
        (h * 2).sum().backward()
    with pytest.raises(GradientError, match="retain_graph=True"):
        lm.gradients(loss, [w])
    assert (w.grad.tolist(), v.grad.tolist()) == ([20.0], [4.0])


@pytest.mark.parametrize("between", READ)
def test_what_no_backward_went_along_keeps_its_history(between):
    w, v = pair()
    h, other = w * w, (v * v * v)
    loss = h.sum()
    loss.backward()
    READ[between](w, h, loss)
    other.sum().backward()
    assert v.grad.tolist() == [75.0]
    (h.detach() * v).sum().backward()
    assert (v.grad.tolist(), w.grad.tolist()) == ([79.0], [4.0])
    assert lm.gradients((h * v).sum(), [h])[0].tolist() == [5.0]  # it ends before what is gone


@pytest.mark.parametrize("between", READ)
def test_a_history_that_is_retained_can_be_used_again(between):
    w, v = pair()
    h = w * w
    loss = (h * v).sum()
    loss.backward(retain_graph=True)
    READ[between](w, h, loss)
    loss.backward()
    assert w.grad.tolist() == [40.0]
    with pytest.raises(GradientError, match="retain_graph=True"):
        loss.backward()


def test_backward_frees_the_history_of_a_loss_that_is_kept():
    w, _ = pair()
    loss = (w * w).sum()
    loss.item()
    loss.backward()
    assert loss.node.inputs == ()
