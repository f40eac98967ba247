"""The search for a learning rate: as good as a grid on the digits, and it leaves no trace."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn, optim
from lamina.errors import ArgumentError, NumericError
from lamina.train import find_lr

LOSS = lm.functional.cross_entropy
GRID = [10 ** (i / 3) for i in range(-7, 1)]  # 0.005 to 1


@pytest.fixture(scope="module")
def digits():
    images, labels = lm.datasets.digits("train")
    return (images[..., None] / 16).astype(np.float32), labels.astype(np.int64)


def mlp():
    lm.seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def cnn():
    lm.seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(128, 10))


def sgd(params, lr):
    return optim.SGD(params, lr=lr, momentum=0.9)


@pytest.mark.parametrize("make_optimizer", [sgd, optim.Adam])
@pytest.mark.parametrize("make_model", [mlp, cnn])
def test_the_rate_is_within_two_of_the_best_of_a_grid(make_model, make_optimizer, digits):
    def train(lr):
        model = make_model()
        trainer = lm.Trainer(model, loss=LOSS, optimizer=make_optimizer(model.parameters(), lr=lr))
        loss = trainer.fit(digits, epochs=3)[-1]["loss"]
        return loss, trainer.optimizer.lr

    grid = {lr: train(lr)[0] for lr in GRID}
    loss, lr = train("search")
    best = min(grid.values())
    good = [rate for rate, value in grid.items() if value < 1.1 * best]  # runs differ by as much
    assert any(rate / 2 <= lr <= 2 * rate for rate in good), (lr, grid)
    assert loss < 2 * best, (loss, lr, grid)


def test_it_leaves_no_trace(digits):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.BatchNorm1d(10), nn.Dropout(0.1))
    opt = optim.Adam(model.parameters(), lr=optim.schedules.cosine(0.1, 100))
    LOSS(model(lm.tensor(digits[0][:32])), lm.tensor(digits[1][:32])).backward()
    opt.step()
    model.eval()

    def state():
        named = {**model.state_dict(), **opt.state_dict(), "draws": lm.generator.state}
        return {name: value.numpy() for name, value in named.items()}

    before, grads = state(), [p.grad for p in model.parameters()]
    found = find_lr(model, LOSS, digits, opt, steps=30, trial_steps=5)
    after = state()
    assert list(before) == list(after)
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)
    assert all(p.grad is grad for p, grad in zip(model.parameters(), grads))
    assert not model.training and opt.param_groups[0].schedule is not None
    assert len(found.rates) == len(found.losses) <= 30
    assert found.lr in found.trials


def test_without_trials_the_sweep_decides(digits):
    model = mlp()
    found = find_lr(model, LOSS, digits, sgd(model.parameters(), 0.1), trial_steps=0)
    assert found.trials == {}
    assert found.lr == found.rates[int(np.argmin(found.losses))] / 4
    assert 0.01 < found.lr < 1


def test_the_trainer_searches_once(digits):
    model = mlp()
    trainer = lm.Trainer(model, loss=LOSS, optimizer=sgd(model.parameters(), "search"))
    trainer.fit(digits)
    rate = trainer.lr_search.lr
    assert trainer.optimizer.lr == np.float32(rate)
    assert trainer.optimizer.step_count.item() == 45  # those of the search do not count
    trainer.fit(digits)
    assert trainer.optimizer.lr == np.float32(rate)


def test_errors(digits):
    model = mlp()
    opt = sgd(model.parameters(), 0.1)
    with pytest.raises(ArgumentError, match=r"(?s)in find_lr.*low, high +1, 0\.5.*try: low="):
        find_lr(model, LOSS, digits, opt, low=1, high=0.5)
    with pytest.raises(ArgumentError, match="at least 20 steps"):
        find_lr(model, LOSS, digits, opt, steps=5)
    with pytest.raises(ArgumentError, match="at least one batch"):
        find_lr(model, LOSS, [], opt)
    before = model.state_dict()["1.weight"].numpy()
    with pytest.raises(NumericError, match="(?s)in find_lr.*nan at a rate of 1e-06.*before tr"):
        find_lr(model, lambda a, b: LOSS(a, b) * lm.nan, digits, opt)
    np.testing.assert_array_equal(model.state_dict()["1.weight"].numpy(), before)
    assert opt.lr == np.float32(0.1)
