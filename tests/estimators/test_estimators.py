"""What the estimators do beyond scikit-learn's own checks."""

import copy
import pickle
import pickletools

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import lamina as lm
from lamina.data.tabular import Category, TableRecipe
from lamina.errors import ArgumentError, FormatError
from lamina.estimators import Classifier, Regressor, Transformer

IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = load_iris().target_names[SPECIES]
SMALL = {"hidden": 16, "lr": 0.02, "epochs": 15, "random_state": 0}


def people(rows: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({
        "age": random.integers(18, 80, rows),
        "height": np.where(random.random(rows) < 0.1, np.nan, random.normal(170, 10, rows)),
        "city": random.choice(["Rome", "Oslo", "Bonn"], rows),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 999, rows), "D"),
    })
    return frame, np.where((frame["city"] == "Rome") ^ (frame["age"] > 50), "yes", "no")


def test_classes_are_found():
    model = Classifier(**SMALL).fit(IRIS, NAMES)
    assert model.score(IRIS, NAMES) > 0.93
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    shares = model.predict_proba(IRIS)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(model.predict_log_proba(IRIS), np.log(shares), rtol=1e-9)
    assert len(model.loss_curve_) == model.n_iter_ == 15
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_numbers_are_found():
    X, y = load_diabetes(return_X_y=True)
    model = Regressor(**SMALL).fit(X, y)
    assert model.score(X, y) > 0.5
    both = Regressor(**SMALL).fit(X, np.column_stack([y, 1e6 - 3 * y]))
    assert both.predict(X).shape == (len(X), 2) and both.score(X, np.column_stack(
        [y, 1e6 - 3 * y])) > 0.5
    with pytest.raises(ValueError, match="as many targets"):
        both.partial_fit(X, y)


def test_frames_with_columns_of_all_kinds():
    frame, bought = people()
    model = Classifier(**SMALL | {"epochs": 60}).fit(frame, pd.Series(bought))
    assert model.score(frame, bought) > 0.9
    assert model.n_features_in_ == 4
    assert model.feature_names_in_.tolist() == list(frame.columns)
    assert "city=Oslo" in model.recipe_.feature_names
    again = Classifier(**SMALL | {"epochs": 60}).fit(pa.Table.from_pandas(frame), bought)
    assert np.array_equal(again.predict_proba(frame[::-1]), model.predict_proba(frame[::-1]))
    wrong = frame.assign(age="old")
    with pytest.raises(FormatError, match=r"(?s)'age'.*row 0"):
        model.predict(wrong)
    with pytest.raises(ArgumentError, match="at least one row"):
        model.predict(frame[:0])
    with pytest.raises(ArgumentError, match="'city' is missing"):
        model.predict(frame.drop(columns="city"))


def test_a_recipe_with_options():
    frame, bought = people()
    recipe = TableRecipe(columns={"city": Category(maximum=1), "since": "ignored"})
    model = Classifier(**SMALL, table=recipe).fit(frame, bought)
    assert model.recipe_.feature_names == (
        "age", "height", "height is missing", f"city={frame['city'].mode()[0]}", "city=<other>")
    assert not recipe.columns  # what is given stays as it was
    with pytest.raises(ArgumentError, match="has no target"):
        Classifier(**SMALL, table=TableRecipe(target="age")).fit(frame, bought)


def test_frames_of_numbers_are_arrays():
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    model = Classifier(**SMALL).fit(frame, SPECIES)
    assert model.recipe_ is None and model.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c", "d"]])


def test_pipelines_and_searches():
    frame, bought = people()
    scores = cross_val_score(Classifier(**SMALL | {"epochs": 40}), frame, bought, cv=3)
    assert scores.mean() > 0.6
    search = GridSearchCV(make_pipeline(StandardScaler(), Classifier(**SMALL)),
                          {"classifier__hidden": [(4,), (8, 8)], "classifier__lr": [0.01, 0.02]},
                          cv=2, scoring="roc_auc_ovr").fit(IRIS, NAMES)
    assert search.best_score_ > 0.9 and len(search.cv_results_["params"]) == 4
    embedded = make_pipeline(Transformer(3, **SMALL), LogisticRegression()).fit(IRIS, SPECIES)
    assert embedded.score(IRIS, SPECIES) > 0.8
    mixed = make_pipeline(
        ColumnTransformer([("numbers", StandardScaler(), ["age"])], remainder="drop"),
        Classifier(**SMALL)).fit(frame, bought)
    assert mixed.predict(frame).shape == (len(frame),)


def test_inside_other_estimators():
    X, y = load_diabetes(return_X_y=True)
    log = TransformedTargetRegressor(Regressor(**SMALL), func=np.log, inverse_func=np.exp)
    assert log.fit(X, y).score(X, y) > 0.4
    each = MultiOutputRegressor(Regressor(**SMALL)).fit(X, np.column_stack([y, -y]))
    assert each.predict(X).shape == (len(X), 2)


@pytest.mark.parametrize("threads", [1, 3])
def test_seeds_give_the_same_model(threads: int):
    models = joblib.Parallel(n_jobs=threads, prefer="threads")(
        joblib.delayed(Classifier(**SMALL, dropout=0.3).fit)(IRIS, SPECIES) for _ in range(3))
    expected = models[0].predict_proba(IRIS)
    for model in models[1:]:
        assert np.array_equal(model.predict_proba(IRIS), expected)
    other = Classifier(**SMALL | {"random_state": 1}, dropout=0.3).fit(IRIS, SPECIES)
    assert not np.array_equal(other.predict_proba(IRIS), expected)


def test_the_stream_of_random_numbers_is_left_alone():
    lm.seed(7)
    expected = lm.uniform((3,)).numpy()
    lm.seed(7)
    Classifier(**SMALL, dropout=0.5).fit(IRIS, SPECIES)
    assert np.array_equal(lm.uniform((3,)).numpy(), expected)


def test_weights_are_repeated_rows_in_any_order():
    random = np.random.default_rng(0)
    weight = random.integers(0, 4, len(IRIS))
    order = random.permutation(len(IRIS))
    models = [
        Classifier(**SMALL).fit(IRIS[order], NAMES[order], sample_weight=weight[order] * 2.5),
        Classifier(**SMALL).fit(np.repeat(IRIS, weight, axis=0), np.repeat(NAMES, weight)),
    ]
    assert np.array_equal(*(model.predict_proba(IRIS) for model in models))


def test_weights_of_classes():
    X, y = load_breast_cancer(return_X_y=True)
    plain, low = (Classifier(**SMALL, class_weight=w).fit(X, y) for w in (None, {1: 1e-3}))
    assert (low.predict(X) == 0).sum() > (plain.predict(X) == 0).sum()
    even = Classifier(**SMALL, class_weight="balanced").fit(X, y)
    given = Classifier(**SMALL, class_weight={
        c: len(y) / (2 * (y == c).sum()) for c in (0, 1)}).fit(X, y)
    assert np.allclose(even.predict_proba(X), given.predict_proba(X), rtol=1e-3, atol=1e-4)
    for wrong in ({7: 1.0}, "even", {0: -1.0}, 3):
        with pytest.raises(ArgumentError, match="class_weight"):
            Classifier(**SMALL, class_weight=wrong).fit(X, y)


def test_a_pickle_holds_values():
    model = Classifier(**SMALL, dropout=0.1).fit(IRIS, NAMES)
    text = pickle.dumps(model)
    known = {str(argument) for _, argument, _ in pickletools.genops(text) if argument is not None}
    assert not [name for name in known if "compiled" in name.lower() or "runtime" in name]
    assert "lamina.train.trainer" not in known
    for other in (pickle.loads(text), copy.deepcopy(model)):
        assert np.array_equal(other.predict_proba(IRIS), model.predict_proba(IRIS))
        more = [m.partial_fit(IRIS, NAMES).predict_proba(IRIS)
                for m in (other, pickle.loads(pickle.dumps(model)))]
        assert np.array_equal(*more)
    assert np.array_equal(model.partial_fit(IRIS, NAMES).predict_proba(IRIS), more[0])


def test_files_of_joblib(tmp_path):
    frame, bought = people()
    model = make_pipeline(Classifier(**SMALL)).fit(frame, bought)
    joblib.dump(model, tmp_path / "model")
    again = joblib.load(tmp_path / "model", mmap_mode="r")
    assert np.array_equal(again.predict_proba(frame), model.predict_proba(frame))


def test_models_of_ones_own():
    def build(features: int, classes: int) -> lm.nn.Module:
        return lm.nn.Sequential(lm.nn.Linear(features, 8), lm.nn.Tanh(), lm.nn.Linear(8, classes))

    options = {key: value for key, value in SMALL.items() if key != "hidden"}
    assert Classifier(model=build, **options).fit(IRIS, SPECIES).score(IRIS, SPECIES) > 0.9
    module = build(4, 3)
    before = module[0].weight.numpy().copy()
    models = [make(Classifier(model=module, **options)).fit(IRIS, SPECIES)
              for make in (lambda model: model, clone)]
    assert np.array_equal(module[0].weight.numpy(), before)
    assert np.array_equal(*(m.predict_proba(IRIS) for m in models))
    again = pickle.loads(pickle.dumps(models[0]))
    assert np.array_equal(again.predict(IRIS), models[0].predict(IRIS))
    with pytest.raises(ArgumentError, match="one for each class"):
        Classifier(model=build(4, 2), loss=lambda p, t: (p * p).mean(), **options).fit(
            IRIS, SPECIES).predict(IRIS)


def test_losses_metrics_and_optimizers():
    X, y = load_diabetes(return_X_y=True)
    model = Regressor(**SMALL, loss=lm.nn.HuberLoss(), metrics=("mean_absolute_error", "r2"),
                      optimizer=lm.optim.SGD)
    weights = np.linspace(0.5, 1.5, len(y))
    for options in ({}, {"sample_weight": weights}):
        logs = model.fit(X, y, **options).history_[-1]
        assert {"loss", "mean_absolute_error", "r2"} <= logs.keys()
        assert logs["r2"] > model.history_[0]["r2"]
    with pytest.raises(ArgumentError, match='reduction="none"'):
        Regressor(**SMALL, loss=lambda p, t: (p - t).abs().mean()).fit(X, y, weights)
    counts = Regressor(**SMALL, loss="poisson_nll", standardize_target=False).fit(X, y // 50)
    assert np.exp(counts.predict(X)).mean() == pytest.approx((y // 50).mean(), rel=0.3)


def test_early_stopping():
    X, y = load_diabetes(return_X_y=True)
    model = Regressor(hidden=64, lr=0.03, epochs=200, early_stopping=True, patience=3,
                      validation_fraction=0.25, random_state=0).fit(X, y)
    losses = [logs["valid_loss"] for logs in model.history_]
    assert 4 <= model.n_iter_ < 200
    assert int(np.argmin(losses)) <= len(losses) - 3
    assert model.score(X, y) > 0.3
    with pytest.raises(ArgumentError, match="validation part"):
        Regressor(**SMALL, early_stopping=True, validation_fraction=0.1).fit(X[:3], y[:3])


def test_fits_go_on():
    model = Classifier(**SMALL, warm_start=True).fit(IRIS, NAMES)
    first = model.loss_curve_[-1]
    model.fit(IRIS, NAMES)
    assert model.n_iter_ == 30 and model.loss_curve_[-1] < first
    with pytest.raises(ArgumentError, match="first fit"):
        model.fit(IRIS, SPECIES.astype(str))
    twice = Classifier(**SMALL | {"epochs": 1}, warm_start=True)
    once = Classifier(**SMALL | {"epochs": 2}).fit(IRIS, NAMES).predict_proba(IRIS)
    assert np.array_equal(twice.fit(IRIS, NAMES).fit(IRIS, NAMES).predict_proba(IRIS), once)
    parts = Classifier(**SMALL)
    for _ in range(15):
        parts.partial_fit(IRIS[:60], NAMES[:60], classes=np.unique(NAMES))
        parts.partial_fit(IRIS[60:], NAMES[60:])
    assert parts.score(IRIS, NAMES) > 0.8 and parts.n_iter_ == 30


def test_the_code_of_an_autoencoder():
    flat = np.outer(np.linspace(-1, 1, 100), [1.0, 2.0, 3.0, -4.0]) + 10
    model = Transformer(1, hidden=(), lr=0.05, epochs=40, random_state=0).fit(flat)
    codes = model.transform(flat)
    assert codes.shape == (100, 1) and codes.dtype == np.float64
    np.testing.assert_allclose(model.inverse_transform(codes), flat, atol=0.2)
    assert model.get_feature_names_out().tolist() == ["transformer0"]
    assert model.set_output(transform="pandas").transform(flat).shape == (100, 1)
    frame, _ = people()
    assert Transformer(2, **SMALL).fit_transform(frame).shape == (len(frame), 2)
    with pytest.raises(ArgumentError, match="n_components"):
        model.inverse_transform(np.zeros((2, 3)))


def test_the_outputs_of_a_layer():
    source = Classifier(**SMALL).fit(IRIS, NAMES)
    model = Transformer(source=source, layer="1").fit(IRIS)
    found = model.transform(IRIS)
    scaled = (IRIS - IRIS.mean(axis=0)) / IRIS.std(axis=0)
    weight, bias = (p.numpy() for p in list(source.model_.parameters())[:2])
    np.testing.assert_allclose(found, np.maximum(scaled @ weight.T + bias, 0), atol=1e-2)
    assert not hasattr(model, "inverse_transform")
    again = pickle.loads(pickle.dumps(model))
    source.partial_fit(IRIS, NAMES)
    for same in (model, again):
        assert np.array_equal(same.transform(IRIS), found)
    fresh = make_pipeline(Transformer(source=Classifier(**SMALL), layer="1"), LogisticRegression())
    assert fresh.fit(IRIS, NAMES).score(IRIS, NAMES) > 0.9
    with pytest.raises(ArgumentError, match="layers"):
        Transformer(source=source, layer="9").fit(IRIS)


def test_progress_is_shown(capsys):
    Classifier(**SMALL | {"epochs": 2}, verbose=True).fit(IRIS, SPECIES)
    assert "epoch 2/2" in capsys.readouterr().out


@pytest.mark.parametrize(("options", "word"), [
    ({"hidden": (0,)}, "hidden"), ({"hidden": 1.5}, "hidden"), ({"activation": "relo"}, "relu"),
    ({"optimizer": "adm"}, "adam"), ({"model": 3}, "model"), ({"epochs": 0}, "epochs"),
    ({"batch_size": 0.5}, "batch_size"), ({"validation_fraction": 1.0}, "validation_fraction"),
    ({"table": "always"}, "table"), ({"loss": "cros_entropy"}, "cross_entropy"),
    ({"model": lambda features, classes: None}, "model"), ({"metrics": ("acuracy",)}, "accuracy"),
])
def test_wrong_options(options, word: str):
    with pytest.raises(ArgumentError, match=word):
        Classifier(**SMALL | options).fit(IRIS, SPECIES)


def test_before_fit():
    for model in (Classifier(), Regressor(), Transformer()):
        with pytest.raises(NotFittedError):
            _ = model.model_
