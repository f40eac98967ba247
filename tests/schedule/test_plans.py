"""What fuses with what: the plans of some graphs, as text in golden/ (`--update-golden`).

A line is one kernel: its level, kind and operations, what it reads and writes. Kernels of one level
run side by side. No device is needed: nothing is compiled.
"""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina import nn
from lamina.graph.node import is_leaf, leaf, topological
from lamina.graph.rewrite import substitute
from lamina.runtime import execute
from lamina.schedule.plan import make_plan, plan_lines
from lamina.targets import TARGETS


def plan_of(*tensors):
    """The plan that computes tensors, for AVX-512 whatever this machine is."""
    roots = [t.node for t in tensors]
    hollow = {n: leaf(None, n.shape, n.dtype) for n in topological(roots) if is_leaf(n)}
    return make_plan(substitute(roots, hollow), TARGETS["avx512"])


def floats(*shape, grad=False):
    return lm.tensor(np.ones(shape, np.float32), requires_grad=grad)


def chain():
    x, y = floats(64, 32), floats(32)
    return ((x * 2 + y).exp() - 1).sqrt(),


def chain_with_two_results():
    x = floats(64, 32)
    y = x.exp() * 2
    return y, y + x


def read_twice_through_a_view():
    """The dear values are stored, as if they were read twice without the view."""
    line = floats(64, 32).exp().reshape(-1)
    return line + lm.flip(line),


def softmax():
    return floats(64, 100).softmax(),


def layer_norm():
    return lm.layer_norm(floats(64, 100), floats(100), floats(100)),


def layer_norm_gradients():
    x, w, b = floats(64, 100, grad=True), floats(100, grad=True), floats(100, grad=True)
    (lm.layer_norm(x, w, b) * floats(64, 100)).sum().backward()
    return x.grad, w.grad, b.grad


def cross_entropy():
    x = floats(64, 10, grad=True)
    loss = F.cross_entropy(x, lm.tensor(np.zeros(64, np.int64)))
    loss.backward()
    return loss, x.grad


def linear_relu():
    return F.linear(floats(64, 128), floats(256, 128), floats(256)).relu(),


def residual_in_the_epilogue():
    x = floats(64, 128)
    return (x @ floats(128, 128)).gelu() + x,


def convolution_bias_relu():
    return F.conv2d(floats(8, 16, 16, 3), floats(32, 3, 3, 3), floats(32), padding=1).relu(),


def update_of_a_convolution():
    """The weight's gradient lies across the lanes of its kernel: the update does not ride on it."""
    weight = floats(64, 32, 3, 3, grad=True)
    F.conv2d(floats(2, 16, 16, 32), weight, padding=1).sum().backward()
    return weight - 0.1 * weight.grad,


def reduction_epilogue():
    return floats(64, 100).sum(axis=1).sqrt() * 3,


def column_reduction_epilogue():
    return floats(64, 100).mean(axis=0).exp(),


def two_reductions_of_one_row():
    x = floats(64, 100)
    return x.max(axis=1), x.sum(axis=1), (x * x).sum(axis=1)


def batch_norm_training():
    norm = nn.BatchNorm2d(8)
    x = floats(4, 6, 6, 8) * 2  # as a layer before it would give
    return norm(x), norm.running_mean, norm.running_var


def attention():
    q, k, v = (floats(2, 4, 16, 8) for _ in range(3))
    return lm.attention(q, k, v, causal=True),


def embedding_gradient():
    weight = floats(50, 8, grad=True)
    F.embedding(lm.tensor(np.zeros((4, 6), np.int64)), weight).sum().backward()
    return weight.grad,


def dropout():
    lm.seed(0)
    return lm.dropout(floats(64, 32), 0.1) + 1,


def large_sum():
    return floats(1 << 16).sum(),


def adam():
    """All parameters are updated in one level, so in one launch."""
    parameters = [floats(*shape, grad=True) for shape in ((32, 16), (32,), (8, 32), (8,))]
    optimizer = lm.optim.Adam(parameters)
    for p in parameters:
        p.grad = floats(*p.shape)
    return changed_by(optimizer, parameters)


def mlp_step():
    lm.seed(0)
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = lm.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loss = F.cross_entropy(model(floats(16, 20)), lm.tensor(np.zeros(16, np.int64)))
    loss.backward()
    return loss, *changed_by(optimizer, model.parameters())


def changed_by(optimizer, parameters):
    """The pending new values of a step: what it would evaluate."""
    caught = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lamina.optim.optimizer.evaluate", lambda *tensors: caught.extend(tensors))
        optimizer.step()
    return [t for t in caught if not is_leaf(t.node)]


GRAPHS = (chain, chain_with_two_results, read_twice_through_a_view, softmax, layer_norm,
          layer_norm_gradients, cross_entropy, linear_relu, residual_in_the_epilogue,
          convolution_bias_relu, update_of_a_convolution, reduction_epilogue,
          column_reduction_epilogue, two_reductions_of_one_row, batch_norm_training, attention,
          embedding_gradient, dropout, large_sum, adam, mlp_step)


@pytest.fixture(autouse=True)
def nothing_pending():
    yield
    execute.pending.clear()


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda g: g.__name__)
def test_plan(graph, golden):
    golden(graph.__name__, "\n".join(plan_lines(plan_of(*graph()).steps)))


@pytest.mark.parametrize("graph", [chain, softmax, layer_norm, linear_relu, convolution_bias_relu,
                                   reduction_epilogue, two_reductions_of_one_row],
                         ids=lambda g: g.__name__)
def test_one_kernel(graph):
    steps = plan_of(*graph()).steps
    assert len([s for s in steps if not s.name.startswith(("pack", "map_pad"))]) == 1


def test_updates_of_all_parameters_are_one_launch():
    steps = plan_of(*adam()).steps
    updates = [s for s in steps if "sqrt" in s.name and s.spec.domain != ()]
    assert len(updates) == 4 and len({s.level for s in updates}) == 1


def loops_of(t):
    (step,) = plan_of(t).steps
    return step.spec.loops


def test_a_transposed_copy_runs_in_squares():
    assert loops_of(floats(64, 48).T + 1).crossed
    crossed = loops_of(floats(64, 20, 48).permute(2, 1, 0) + 1)
    assert crossed.crossed and [v.extent for v in crossed.kept] == [20, 48, 64]
    assert not loops_of(floats(64, 48) + 1).crossed
    assert not loops_of(floats(64, 8).T + 1).crossed  # eight lines are few
    assert not loops_of(floats(64, 48)[::2] + 1).crossed
