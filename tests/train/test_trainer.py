"""Trainer: the same numbers as a loop by hand, evaluation, prediction, callbacks and errors."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina.data import Dataset, Loader
from lamina.errors import ArgumentError, NumericError, ShapeError
from lamina.optim import SGD, Adam
from lamina.train import Callback, EarlyStopping, Trainer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6)).astype(np.float32)
Y = (X @ RNG.normal(size=(6, 3))).argmax(axis=1)


def make_model(extra=()):
    lm.seed(0)
    return lm.nn.Sequential(lm.nn.Linear(6, 16), lm.nn.ReLU(), *extra, lm.nn.Linear(16, 3))


def make_trainer(model=None, optimizer=None, **options):
    model = model or make_model()
    optimizer = optimizer or Adam(model.parameters(), lr=0.01)
    options = {"loss": F.cross_entropy, "metrics": ["accuracy"]} | options
    return Trainer(model, optimizer=optimizer, **options)


def loader():
    return Loader(X, Y, batch_size=16, shuffle=True)  # the last batch has 2 rows


def loop_by_hand(model, epochs):
    """What `fit` does, without a trainer and without `compile`."""
    opt, data, history = Adam(model.parameters(), lr=0.01), loader(), []
    for _ in range(epochs):
        loss_sum = correct = 0.0
        for x, y in data:
            scores = model(x)
            loss = F.cross_entropy(scores, y)
            loss.backward()
            opt.step()
            opt.zero_grad()
            loss_sum += loss.item() * len(y.numpy())
            correct += (scores.numpy().argmax(axis=1) == y.numpy()).sum()
        history.append({"loss": loss_sum / 50, "accuracy": correct / 50})
    return history


@pytest.mark.parametrize("normalised", [False, True])
def test_fit_gives_the_numbers_of_a_loop_by_hand(normalised):
    model, twin = (make_model([lm.nn.BatchNorm1d(16)] * normalised) for _ in range(2))
    twin.load_state_dict(model.state_dict())
    history = make_trainer(model).fit(loader(), epochs=4)
    for logs, expected in zip(history, loop_by_hand(twin, 4), strict=True):
        assert logs == pytest.approx(expected, rel=1e-5)
    assert history[-1]["loss"] < history[0]["loss"]
    for name, value in twin.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[name].numpy(), value.numpy(), rtol=1e-4,
                                   atol=1e-5)  # one program may sum in another order than many


def test_dropout_draws_anew_in_every_step():
    model = lm.nn.Sequential(lm.nn.Dropout(0.5), lm.nn.Linear(6, 3))
    seen = []
    trainer = make_trainer(model, SGD(model.parameters(), lr=0.0), log_every=1)
    trainer.callbacks.append(Recorder(on_step_end=lambda t, logs: seen.append(logs["loss"])))
    same = [(X[:8], Y[:8])] * 4
    trainer.fit(same)
    means = np.array(seen) * [1, 2, 3, 4]
    assert len(np.unique(np.round(np.diff(means, prepend=0), 5))) == 4


class Recorder(Callback):
    """Calls the functions given by name."""

    def __init__(self, **functions):
        for name, function in functions.items():
            setattr(self, name, function)


def test_evaluate():
    model = make_model((lm.nn.Dropout(0.5),))
    trainer = make_trainer(model)
    expected = F.cross_entropy(model.eval()(lm.tensor(X)), lm.tensor(Y)).item()
    scores = model(lm.tensor(X)).numpy()
    model.train()
    for data in ((X, Y), Dataset(X, Y), loader(), [(X[:20], Y[:20]), (X[20:], Y[20:])]):
        got = trainer.evaluate(data, batch_size=20)
        assert got == pytest.approx({"loss": expected,
                                     "accuracy": (scores.argmax(axis=1) == Y).mean()}, rel=1e-5)
    assert model.training
    assert model[2].training
    assert all(p.grad is None for p in model.parameters())


def test_predict():
    model = make_model((lm.nn.Dropout(0.5),))
    trainer = make_trainer(model)
    expected = model.eval()(lm.tensor(X)).numpy()
    for data in (X, lm.tensor(X), (X,), Dataset(X, Y), Loader(X, Y, batch_size=7)):
        got = trainer.predict(data, batch_size=20)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_several_inputs():
    class Sum(lm.nn.Module):
        def __init__(self):
            self.layer = lm.nn.Linear(6, 1)

        def forward(self, a, b):
            return self.layer(a + b)

    model = Sum()
    trainer = Trainer(model, loss=F.mse_loss, optimizer=SGD(model.parameters(), lr=0.01))
    trainer.fit((X, X, X[:, :1]), epochs=2)
    assert trainer.predict((X, X)).shape == (50, 1)
    assert trainer.evaluate((X, X, X[:, :1]))["loss"] > 0


def test_several_outputs():
    class Twice(lm.nn.Module):
        def __init__(self):
            self.head = lm.nn.Linear(6, 3)

        def forward(self, x):
            scores = self.head(x)
            return scores, scores * 2

    def loss(outputs, target):
        return F.cross_entropy(outputs[1], target)

    def doubled(outputs, target):
        return ((outputs[1] - outputs[0] * 2) == 0).astype(lm.float32).mean()

    model = Twice()
    trainer = make_trainer(model, loss=loss, metrics=[doubled])
    history = trainer.fit(loader(), epochs=3)
    assert history[-1]["loss"] < history[0]["loss"] and history[-1]["doubled"] == 1
    assert trainer.evaluate((X, Y))["doubled"] == 1
    first, second = trainer.predict(X, batch_size=16)
    assert first.shape == (50, 3) and (second == first * 2).all()


def test_callbacks_are_called_in_order():
    calls = []
    points = ("on_fit_start", "on_epoch_start", "on_step_end", "on_epoch_end", "on_fit_end")
    recorder = Recorder(**{
        point: lambda t, *logs, point=point: calls.append(
            (point, t.epoch, t.step, *map(sorted, logs)))
        for point in points
    })
    trainer = make_trainer(callbacks=[recorder])
    trainer.fit((X, Y), (X, Y), epochs=1, batch_size=25)
    both = ["accuracy", "loss"]
    assert calls == [
        ("on_fit_start", 0, 0),
        ("on_epoch_start", 1, 0),
        ("on_step_end", 1, 1, both),
        ("on_step_end", 1, 2, both),
        ("on_epoch_end", 1, 2, [*both, "valid_accuracy", "valid_loss"]),
        ("on_fit_end", 1, 2),
    ]
    assert (trainer.steps_per_epoch, trainer.epochs) == (2, 1)
    trainer.fit([(X, Y)] * 3, epochs=2)
    assert (trainer.epoch, trainer.step, trainer.steps_per_epoch) == (3, 8, 3)


def test_means_are_read_every_few_steps_and_at_the_end():
    seen = []
    recorder = Recorder(on_step_end=lambda t, logs: seen.append(logs["loss"]))
    history = make_trainer(log_every=3, callbacks=[recorder]).fit((X, Y), batch_size=7)
    assert len(seen) == 8
    changes = [i for i in range(1, 8) if seen[i] != seen[i - 1]]
    assert changes == [2, 5]  # after steps 3 and 6
    assert history[0]["loss"] != seen[-1]


def test_stop_ends_after_the_epoch():
    stopper = Recorder(on_epoch_start=lambda t: t.stop() if t.epoch == 2 else None)
    assert len(make_trainer(callbacks=[stopper]).fit((X, Y), epochs=9)) == 2


def test_early_stopping_returns_to_the_best():
    model = make_model()
    stopping = EarlyStopping("valid_loss", patience=2)
    states = []
    recorder = Recorder(on_epoch_end=lambda t, logs: states.append(model[0].weight.numpy()))
    trainer = make_trainer(model, SGD(model.parameters(), lr=30.0), callbacks=[recorder, stopping])
    history = trainer.fit((X, Y), (X, Y), epochs=30)
    losses = [logs["valid_loss"] for logs in history]
    best = int(np.argmin(losses))
    assert len(history) == best + 3 < 30
    np.testing.assert_array_equal(model[0].weight.numpy(), states[best])
    with pytest.raises(ArgumentError, match="monitor is one of the logs"):
        make_trainer(callbacks=[EarlyStopping("valid_loss")]).fit((X, Y))


def test_freezing_between_epochs_takes_effect():
    model = make_model()
    freezer = Recorder(on_epoch_start=lambda t: model[0].freeze() if t.epoch == 2 else None)
    weights = []
    recorder = Recorder(on_epoch_end=lambda t, logs: weights.append(model[0].weight.numpy()))
    make_trainer(model, callbacks=[freezer, recorder]).fit((X, Y), epochs=3)
    np.testing.assert_array_equal(weights[1], weights[0])
    np.testing.assert_array_equal(weights[2], weights[0])


def test_a_step_is_traced_once_for_each_pair_of_sizes():
    traced = []

    def loss(prediction, target):
        traced.append(prediction.shape)
        return F.cross_entropy(prediction, target)

    model = make_model()
    opt = Adam(model.parameters(), lr=lm.optim.schedules.cosine(0.01, 30))
    make_trainer(model, opt, loss=loss, metrics=()).fit(loader(), epochs=5)
    assert len(traced) <= 3  # one size, then any size, never again for a new rate


# Errors

def test_a_loss_that_is_no_number_names_the_row():
    bad = X.copy()
    bad[17, 2] = np.nan
    with pytest.raises(NumericError) as caught:
        make_trainer().fit((bad, Y))
    assert ("data", "array 0, row 17: nan") in caught.value.operands
    model = make_model()
    with pytest.raises(NumericError, match="a smaller learning rate"):
        trainer = make_trainer(model, SGD(model.parameters(), lr=1e30), loss=squares)
        trainer.fit((X, Y), epochs=5)


def test_a_step_with_a_loss_that_is_no_number_changes_nothing():
    good, bad = (X[:10], Y[:10]), (X[10:20] * np.float32(np.nan), Y[10:20])
    states = []
    for batches in ([good, bad, good], [good]):
        model = make_model([lm.nn.BatchNorm1d(16)])
        trainer = make_trainer(model)
        try:
            trainer.fit(batches)
        except NumericError:
            assert len(batches) == 3
        states.append(model.state_dict() | trainer.optimizer.state_dict())
    for name, value in states[0].items():
        np.testing.assert_array_equal(value.numpy(), states[1][name].numpy())


def squares(prediction, target):
    return (prediction * prediction).mean()


@pytest.mark.parametrize(("data", "error", "message"), [
    (X, ArgumentError, r"try: \(inputs, targets\)"),
    (3, ArgumentError, "data is a Loader"),
    ((X,), ArgumentError, "at least two arrays"),
    ((X, Y[:-1]), ShapeError, "same first axis"),
    ([(X, Y[:-1])], ShapeError, "same first axis"),
    ([], ArgumentError, "at least one batch"),
])
def test_wrong_data(data, error, message):
    with pytest.raises(error, match=message):
        make_trainer().fit(data)


def test_wrong_arguments():
    with pytest.raises(ArgumentError, match="accuracy, binary_accuracy"):
        make_trainer(metrics=["acuracy"])
    with pytest.raises(ShapeError, match=r"try: loss\.mean\(\)"):
        make_trainer(loss=lambda p, t: F.cross_entropy(p, t, reduction="none")).fit((X, Y))
    with pytest.raises(ArgumentError, match="all 4 parameters"):
        make_trainer(make_model().freeze()).fit((X, Y))


def test_wrong_labels_are_refused_before_anything_changes():
    model = make_model()
    before = model[0].weight.numpy()
    with pytest.raises(ShapeError, match=r"target\.squeeze\(-1\)"):
        make_trainer(model).fit((X, Y[:, None]))
    np.testing.assert_array_equal(model[0].weight.numpy(), before)


@pytest.mark.parametrize("optimizer", [None, "adam", SGD])
def test_fit_without_an_optimizer(optimizer):
    trainer = Trainer(make_model(), loss=F.cross_entropy, optimizer=optimizer)
    assert set(trainer.evaluate((X, Y))) == {"loss"}
    with pytest.raises(ArgumentError, match=r"Trainer\.fit(?s:.)*try: optimizer=lm\.optim"):
        trainer.fit((X, Y))
    trainer.optimizer = lm.optim.Adam(trainer.model.parameters())
    trainer.fit((X, Y))


def test_metrics_that_accumulate():
    """Those of the last epoch are those of the model's own outputs; training has its own."""
    metrics = [lm.metrics.F1("macro"), "roc_auc", "accuracy", lm.metrics.Accuracy()]
    with pytest.raises(ArgumentError, match="a name of its own"):
        make_trainer(metrics=metrics)
    trainer = make_trainer(metrics=metrics[:3])
    logs = trainer.fit(loader(), valid=(X, Y), epochs=2)[-1]
    assert list(logs) == ["loss", "accuracy", "f1_macro", "roc_auc",
                          "valid_loss", "valid_accuracy", "valid_f1_macro", "valid_roc_auc"]
    direct = lm.metrics.F1("macro")
    direct.update(trainer.predict(X), Y)
    assert logs["valid_f1_macro"] == direct.compute()
    assert trainer.evaluate((X, Y), batch_size=7)["f1_macro"] == direct.compute()


@pytest.mark.parametrize("loss", ["cross_entropy", lm.nn.CrossEntropyLoss,
                                  lm.nn.CrossEntropyLoss()])
def test_losses_by_name_and_class(loss):
    expected = make_trainer().fit((X, Y), epochs=1)
    lm.seed(0)
    assert make_trainer(loss=loss).fit((X, Y), epochs=1)[0].keys() == expected[0].keys()
    assert make_trainer(loss=loss).evaluate((X, Y)) == make_trainer().evaluate((X, Y))


def test_a_loss_with_weights():
    weight = lm.tensor([0.2, 1.0, 3.0])
    trainer = make_trainer(loss=lm.nn.CrossEntropyLoss(weight))
    trainer.fit((X, Y), epochs=1)
    expected = F.cross_entropy(trainer.model(lm.tensor(X)), lm.tensor(Y), weight=weight).item()
    assert trainer.evaluate((X, Y))["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_step_without_a_loss_is_not_measured():
    x = X.copy()
    x[-1] = np.nan
    with pytest.raises(NumericError, match="the loss is a finite number"):
        make_trainer(metrics=["roc_auc"]).fit((x, Y), epochs=1)


def test_an_unknown_loss_is_named():
    with pytest.raises(ArgumentError, match='try: loss="cross_entropy"'):
        make_trainer(loss="crossentropy")


@pytest.mark.parametrize(("options", "message"), [
    ({"model": None}, "the model is a lm.nn.Module"),
    ({"loss": "cross"}, "loss is a function"),
    ({"loss": None}, "loss is a function"),
    ({"loss": lm.ones(())}, "loss is a function"),
    ({"callbacks": EarlyStopping()}, "callbacks is a list"),
])
def test_wrong_parts(options, message):
    parts = {"model": lm.nn.Linear(1, 1), "loss": F.mse_loss, "optimizer": None} | options
    with pytest.raises(ArgumentError, match=message):
        Trainer(**parts)


def test_wrong_epochs_and_losses():
    model, data = lm.nn.Linear(1, 1), (np.ones((2, 1), np.float32), np.ones((2, 1), np.float32))
    optimizer = SGD(model.parameters())
    for epochs in -1, "3", None, 1.5:
        with pytest.raises(ArgumentError, match="epochs is an int of at least 0"):
            Trainer(model, loss=F.mse_loss, optimizer=optimizer).fit(data, epochs=epochs)
    with pytest.raises(ArgumentError, match="returns a tensor"):
        Trainer(model, loss=lambda y, t: 1.0, optimizer=optimizer).fit(data)


# ---- clipping and accumulation -------------------------------------------------------------------
def trained(data, **options):
    lm.seed(0)
    model = lm.nn.Sequential(lm.nn.Linear(3, 8), lm.nn.Tanh(), lm.nn.Linear(8, 2))
    trainer = Trainer(model, loss=lm.functional.mse_loss,
                      optimizer=lm.optim.SGD(model.parameters(), lr=0.1), metrics=[squares],
                      **options)
    history = trainer.fit(data, epochs=2)
    return [p.numpy() for p in model.parameters()], history[-1]


def batches():
    draws = np.random.default_rng(0)
    return [(draws.normal(size=(n, 3)).astype(np.float32), draws.normal(size=(n, 2)).astype(
        np.float32)) for n in (8, 8, 7)]


@pytest.mark.parametrize("parts", [2, 3, 8, 100])
def test_a_batch_in_parts_is_the_batch(parts):
    weights, logs = trained(batches())
    in_parts, logs_in_parts = trained(batches(), accumulate=parts)
    for a, b in zip(weights, in_parts):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert logs == pytest.approx(logs_in_parts, rel=1e-5)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_gradients_are_clipped_before_the_step(accumulate):
    lm.seed(0)
    model = lm.nn.Linear(3, 2)
    before = [p.numpy() for p in model.parameters()]
    Trainer(model, loss=lm.functional.mse_loss, clip=0.5, accumulate=accumulate,
            optimizer=lm.optim.SGD(model.parameters(), lr=1.0)).fit([
                tuple(100 * x for x in batches()[0])])
    moved = np.concatenate([(p.numpy() - b).ravel() for p, b in zip(model.parameters(), before)])
    np.testing.assert_allclose(np.linalg.norm(moved), 0.5, rtol=1e-4)


def test_clipping_may_be_a_function_of_the_parameters():
    lm.seed(0)
    model = lm.nn.Linear(3, 2)
    before = model.weight.numpy()
    Trainer(model, loss=lm.functional.mse_loss,
            clip=lambda params: lm.optim.clip_grad_value_(params, 0.25),
            optimizer=lm.optim.SGD(model.parameters(), lr=1.0)).fit([
                tuple(100 * x for x in batches()[0])])
    np.testing.assert_allclose(abs(model.weight.numpy() - before), 0.25, rtol=1e-4)


@pytest.mark.parametrize(("options", "message"), [
    ({"clip": -1.0}, "clip is a number above 0"), ({"clip": "norm"}, "clip is a number above 0"),
    ({"accumulate": 0}, "accumulate is an int of at least 1"),
    ({"log_every": 0}, "log_every is an int of at least 1")])
def test_wrong_clipping_and_accumulation(options, message):
    with pytest.raises(ArgumentError, match=message):
        make_trainer(**options)


def test_a_misspelt_event_is_told():
    class Watcher(Callback):
        def on_step_ends(self, trainer, logs):
            pass

    model = lm.nn.Linear(1, 1)
    with pytest.raises(ArgumentError, match=r"Watcher\.on_step_ends(.|\n)*try: on_step_end"):
        Trainer(model, loss="mse", optimizer=lm.optim.SGD(model.parameters(), lr=0.1),
                callbacks=[Watcher()])


@pytest.mark.parametrize(("monitor", "sign"), [("valid_accuracy", -1.0), ("valid_loss", 1.0)])
def test_the_name_says_whether_more_is_better(monitor, sign):
    assert EarlyStopping(monitor).sign == sign
    assert EarlyStopping(monitor, mode="min").sign == 1.0


def test_float64_arrays_take_the_precision_of_the_model():
    x = np.linspace(0, 1, 12)[:, None]
    for dtype, found in ((lm.float32, []), (lm.float64, [])):
        model = lm.nn.Linear(1, 1).to(dtype)

        def loss(prediction, target):
            found.append((prediction.dtype, target.dtype))  # noqa: B023
            return ((prediction - target) ** 2).mean()

        trainer = Trainer(model, loss=loss, optimizer=lm.optim.SGD(model.parameters(), lr=0.1))
        trainer.fit((x, 2 * x), valid=(x, 2 * x), batch_size=4)
        assert trainer.predict(x).dtype == dtype.name
        assert set(found) == {(dtype, dtype)}


def test_a_metric_that_cannot_be_computed_is_nan_and_the_fit_goes_on():
    model = lm.nn.Linear(1, 1)
    x, one = np.ones((4, 1), np.float32), np.ones((4, 1), np.float32)
    trainer = Trainer(model, loss="mse", metrics=["roc_auc"],
                      optimizer=lm.optim.SGD(model.parameters(), lr=0.1))
    with pytest.warns(UserWarning, match="roc_auc is not a number"):
        history = trainer.fit((x, one), epochs=2)
    assert len(history) == 2 and np.isnan(history[-1]["roc_auc"])


def test_resuming_with_less_data_or_without_a_callback_is_told():
    model = lm.nn.Linear(1, 1)
    x = np.ones((8, 1), np.float32)

    def trainer(*callbacks):
        return Trainer(model, loss="mse", callbacks=callbacks,
                       optimizer=lm.optim.SGD(model.parameters(), lr=0.1))

    states = []
    keep = lm.train.LambdaCallback(on_step_end=lambda t, logs: states.append(t.state_dict()))
    trainer(lm.train.EarlyStopping("loss"), keep).fit((x, x), batch_size=2)
    with pytest.warns(UserWarning, match="callback EarlyStopping"):
        trainer().fit((x, x), batch_size=2, resume=states[2])
    with pytest.raises(ArgumentError, match="3 batches into an epoch"):
        trainer(lm.train.EarlyStopping()).fit((x[:4], x[:4]), batch_size=2, resume=states[2])


def test_resuming_with_another_number_of_batches_is_told():
    model = lm.nn.Linear(1, 1)
    batches = [(np.ones((2, 1), np.float32),) * 2] * 10
    states = []
    keep = lm.train.LambdaCallback(on_step_end=lambda t, logs: states.append(t.state_dict()))

    def trainer(*callbacks):
        return Trainer(model, loss="mse", callbacks=callbacks,
                       optimizer=lm.optim.SGD(model.parameters(), lr=0.1))

    trainer(keep).fit(batches)
    with pytest.raises(ArgumentError, match="4 batches into an epoch of 10"):
        trainer().fit(batches[:7], resume=states[3])
