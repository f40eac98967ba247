"""Averages of weights: formulas, PyTorch's, use in a compiled step, and state."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, FormatError
from lamina.optim import EMA, SGD, SWA

STEPS = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)


def averaged(make, dtype=None):
    p = lm.nn.Parameter(np.zeros(3, np.float32), dtype=dtype)
    average = make([p])
    for values in STEPS:
        p.assign(lm.tensor(values, dtype=p.dtype))
        average.update()
    return p, average


def ema(decay, warmup=False):
    a = STEPS[0].astype(np.float64)
    for n, values in enumerate(STEPS[1:], start=1):
        share = 1 - (min(decay, (1 + n) / (10 + n)) if warmup else decay)
        a = a + share * (values - a)
    return a


@pytest.mark.parametrize("options", [{"decay": 0.9}, {"decay": 0.5}, {"decay": 0.0},
                                     {"decay": 0.99, "warmup": True}])
def test_ema(options):
    _, average = averaged(lambda params: EMA(params, **options))
    np.testing.assert_allclose(average.averages["0"].numpy(), ema(**options), rtol=1e-5, atol=1e-6)


def test_swa():
    _, average = averaged(SWA)
    np.testing.assert_allclose(average.averages["0"].numpy(), STEPS.mean(0), rtol=1e-5, atol=1e-6)
    assert average.count.item() == 20


@pytest.mark.parametrize("kind", ["EMA", "SWA"])
def test_averages_are_pytorchs(kind):
    torch = pytest.importorskip("torch")
    from torch.optim import swa_utils

    model = torch.nn.Linear(3, 1, bias=False)
    function = swa_utils.get_ema_multi_avg_fn(0.9) if kind == "EMA" else None
    theirs = swa_utils.AveragedModel(model, multi_avg_fn=function)
    for values in STEPS:
        model.weight.data = torch.tensor(values[None])
        theirs.update_parameters(model)
    _, ours = averaged((lambda params: EMA(params, 0.9)) if kind == "EMA" else SWA)
    np.testing.assert_allclose(ours.averages["0"].numpy(), theirs.module.weight.detach()[0],
                               rtol=1e-5, atol=1e-6)


def test_apply_and_restore():
    p, average = averaged(SWA)
    with average.apply():
        np.testing.assert_allclose(p.numpy(), STEPS.mean(0), rtol=1e-5, atol=1e-6)
        assert p.requires_grad
    np.testing.assert_array_equal(p.numpy(), STEPS[-1])
    with pytest.raises(RuntimeError), average.apply():
        raise RuntimeError
    np.testing.assert_array_equal(p.numpy(), STEPS[-1])
    average.copy_to_parameters()
    np.testing.assert_allclose(p.numpy(), STEPS.mean(0), rtol=1e-5, atol=1e-6)


def test_half_weights_are_averaged_in_float32():
    p, average = averaged(lambda params: EMA(params, 0.9), lm.bfloat16)
    assert average.averages["0"].dtype is lm.float32
    with average.apply():
        assert p.dtype is lm.bfloat16


def test_update_is_part_of_a_compiled_step():
    def run(wrap):
        model = lm.nn.Linear(3, 1)
        model.weight.assign([[1.0, 2.0, 3.0]])
        model.bias.assign([0.0])
        opt, average = SGD(model.parameters(), lr=0.1), EMA(model.named_parameters(), 0.8)

        def train(x):
            (model(x) ** 2).mean().backward()
            opt.step()
            opt.zero_grad()
            average.update()

        step = wrap(train)
        for values in STEPS:
            step(lm.tensor(values[None]))
        assert average.count.item() == 20
        return average.averages["weight"].numpy()

    np.testing.assert_allclose(run(lm.compile), run(lambda f: f), rtol=1e-6)


def test_state(tmp_path):
    _, average = averaged(lambda params: EMA(params, 0.9))
    p = lm.nn.Parameter(np.zeros(3, np.float32))
    other = EMA([("w", p)], 0.9)
    assert list(other.state_dict()) == ["count", "average.w"]
    with pytest.raises(FormatError):
        other.load_state_dict(average.state_dict())
    other = EMA([p], 0.9)
    other.load_state_dict(average.state_dict())
    for name, value in average.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name].numpy(), value.numpy())


def test_wrong_arguments():
    with pytest.raises(ArgumentError, match=r"(?s)in EMA.*at least one parameter.*try: model\."):
        EMA([])
    with pytest.raises(ArgumentError, match="decay"):
        EMA([lm.nn.Parameter([1.0])], decay=1.0)
