"""What each stage of a pipeline gives, on its own."""

import numpy as np
import pytest

import lamina as lm
from lamina.data import Dataset, LengthError, Loader, Pipeline, Source, mix, pipeline
from lamina.data.rows import FunctionSource
from lamina.errors import ArgumentError, DataError, ShapeError

X = np.arange(10)


def batches(made):
    """The only column of each batch, as lists."""
    return [x.tolist() for x, in made]


def flat(made):
    return [value for x in batches(made) for value in x]


class Squares(Source):
    names = ("square",)

    def __len__(self):
        return 7

    def take(self, rows):
        return (rows**2,)


@pytest.mark.parametrize("data", [
    (X[:7] ** 2,), ((X[:7] ** 2).tolist(),), (lm.tensor(X[:7] ** 2),), ((X[:7] ** 2,),),
    (Dataset(X[:7] ** 2),), (Squares(),), (lambda: iter((X[:7] ** 2).tolist()),),
    ({int(x) ** 2: 0 for x in X[:7]},), ((int(x) ** 2 for x in X[:7]),),
])
def test_everything_that_gives_rows(data):
    assert batches(pipeline(*data).batch(4)) == [[0, 1, 4, 9], [16, 25, 36]]


def test_functions_of_row_numbers_and_batches_of_others():
    assert batches(pipeline(lambda rows: rows * 3, length=5).shuffle(0).batch(5).map(np.sort)) == [
        [0, 3, 6, 9, 12]]
    given = [(np.arange(3), np.zeros(3)), (np.arange(2), np.ones(2))]
    x, y = pipeline(given, batches=True).first()
    assert (x.tolist(), y.tolist()) == ([0, 1, 2], [0, 0, 0])
    assert [len(x) for x, _ in pipeline(given, batches=True)] == [3, 2]


def test_columns_are_tensors_and_text_is_objects():
    x, y, text = pipeline(
        np.ones((4, 2), np.float32), [1, 2, 3, 4], ["a", "b", "c", "d"]).batch(3).first()
    assert (x.dtype, y.dtype) == (lm.float32, lm.int64)
    assert text.dtype == object and text.tolist() == ["a", "b", "c"]


def test_records_of_a_stream_become_columns():
    records = [(np.full(2, i, np.float32), i, f"row {i}") for i in range(3)]
    x, number, text = pipeline(records).batch(3).first()
    assert x.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert number.tolist() == [0, 1, 2]
    assert text.tolist() == ["row 0", "row 1", "row 2"]
    assert pipeline([0.5, 1.5]).batch(2).first()[0].dtype == lm.float32
    assert pipeline(iter([0.5, 1.5])).batch(2).first()[0].dtype == lm.float32


def test_an_iterator_has_one_epoch():
    made = pipeline(x for x in range(4)).batch(2)
    assert batches(made) == [[0, 1], [2, 3]]
    with pytest.raises(DataError, match="no second epoch"):
        list(made)
    kept = pipeline(x for x in range(4)).batch(2).cache()
    assert batches(kept) == batches(kept) == [[0, 1], [2, 3]]


def test_functions_see_whole_blocks():
    sizes = []
    made = pipeline(np.arange(1000)).map(lambda x: sizes.append(len(x)) or x * 2).batch(500)
    assert flat(made) == list(range(0, 2000, 2))
    assert sizes == [500, 500]


def test_map_of_tensors_of_batches_and_of_other_rows():
    assert batches(pipeline(X).batch(5).map(lambda x: lm.tensor(x) + 1)) == [
        [1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    assert batches(pipeline(X).batch(5).map(lambda x: x[::2])) == [[0, 2, 4], [5, 7, 9]]
    for wrong in (lambda x: x[::2], lambda x: None, lambda x: (), lambda x: (x, x[:1])):
        with pytest.raises(ShapeError, match="a row for each it is given"):
            list(pipeline(X).map(wrong).batch(5))
        with pytest.raises(ShapeError, match="a row for each it is given"):
            list(pipeline(iter(X)).map(wrong).batch(5))


def test_filter_and_the_batches_after_it():
    made = pipeline(np.arange(20)).filter(lambda x: x % 3 == 0).batch(3)
    assert batches(made) == [[0, 3, 6], [9, 12, 15], [18]]
    assert batches(pipeline(X).filter(lambda x: x > 90).batch(2)) == []
    with pytest.raises(ShapeError, match="a bool for each row"):
        list(pipeline(X).filter(lambda x: True).batch(2))


def test_parts_of_rows_and_of_batches():
    rows = pipeline(X)
    assert flat(rows.skip(2).take(5).shard(1, 2).batch(9)) == [3, 5]
    assert flat(rows.take(99).skip(99).batch(9)) == []
    shards = [flat(rows.shuffle(3).shard(i, 3).batch(2)) for i in range(3)]
    assert sorted(v for shard in shards for v in shard) == X.tolist()
    assert batches(rows.batch(2).skip(1).take(3)) == [[2, 3], [4, 5], [6, 7]]
    assert batches(rows.batch(2).shard(1, 2)) == [[2, 3], [6, 7]]
    stream = pipeline(lambda: iter(X))
    assert flat(stream.skip(2).take(5).shard(1, 2).batch(9)) == [3, 5]


def test_repeats_are_epochs_of_their_own():
    made = pipeline(X).shuffle(0).repeat(3).batch(10)
    turns = batches(made)
    assert len(made) == 3 and all(sorted(turn) == X.tolist() for turn in turns)
    assert turns[0] != turns[1] != turns[2]
    assert not {tuple(t) for t in turns} & {tuple(t) for t in batches(made)}
    endless = iter(pipeline(X).repeat().batch(8))
    assert [next(endless)[0].tolist() for _ in range(2)] == [
        [0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 0, 1, 2, 3, 4, 5]]
    assert flat(pipeline(X[:3]).filter(lambda x: x > 0).repeat(2).batch(9)) == [1, 2, 1, 2]
    assert flat(pipeline(X).repeat().take(12).batch(12)) == [*range(10), 0, 1]
    assert flat(pipeline(X[:0]).repeat().batch(2)) == []


def test_shuffling_what_is_read_in_order():
    made = pipeline(lambda: iter(range(100))).shuffle(1, buffer=10).batch(10)
    first, second = batches(made), batches(made)
    assert first != second
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        assert sorted(one) == sorted(other) == list(range(10 * number, 10 * number + 10))


def test_windows_by_number_and_in_order():
    series = np.arange(40).reshape(20, 2)
    ways = [pipeline(series), pipeline(lambda: iter(series)), pipeline(series).take(20),
            pipeline(series).filter(lambda x: np.ones(len(x), bool))]
    for way in ways:
        made = way.window(5, stride=4, horizon=2).batch(10)
        past, future = made.first()
        assert past.shape == (4, 5, 2) and future.shape == (4, 2, 2)
        for i in range(4):
            assert past[i].tolist() == series[4 * i:4 * i + 5].tolist()
            assert future[i].tolist() == series[4 * i + 5:4 * i + 7].tolist()
    assert [x.shape for x, in pipeline(series).window(3, stride=7).batch(2)] == [
        (2, 3, 2), (1, 3, 2)]
    assert sum(len(x) for x, in pipeline(np.arange(500)).filter(
        lambda x: x >= 0).window(3).batch(7)) == 498
    with pytest.raises(ArgumentError, match="at least one whole window"):
        pipeline(X).window(8, horizon=3)


def test_batches_of_rows_that_differ_in_length():
    words = [[1], [2, 3, 4], [5, 6]]
    x, = pipeline(words).batch(3, pad=-1).first()
    assert x.tolist() == [[1, -1, -1], [2, 3, 4], [5, 6, -1]]
    x, = pipeline(words).batch(3).first()
    assert x.dtype == object
    images = [np.zeros((n, 2), np.float32) for n in (1, 3)]
    assert pipeline(images).batch(2, pad=0).first()[0].shape == (2, 3, 2)
    with pytest.raises(ShapeError, match="first axis alone"):
        list(pipeline([np.zeros((1, 2)), np.zeros((1, 3))]).batch(2, pad=0))


def test_buckets_hold_rows_of_like_length():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 50, 500)
    rows = np.empty(500, object)
    rows[:] = [np.full(n, i) for i, n in enumerate(lengths)]
    made = pipeline(Dataset(rows, np.arange(500))).shuffle(0).bucket(
        boundaries=[10, 20], batch_sizes=[32, 16, 8])
    seen, full = [], 0
    for x, i in made:
        of_batch = lengths[i.numpy()]
        bucket = np.searchsorted([10, 20], of_batch)
        assert len(set(bucket)) == 1 and x.shape[1] == of_batch.max()
        assert [set(row[:n]) for row, n in zip(x.tolist(), of_batch, strict=True)] == [
            {number} for number in i.tolist()]
        full += len(i) == [32, 16, 8][bucket[0]]
        seen += i.tolist()
    assert sorted(seen) == list(range(500)) and full >= len(seen) // 32
    by_function = pipeline(rows).bucket(
        lambda x: np.array([row[0] % 2 + 1 for row in x]), boundaries=[1], batch_sizes=3)
    assert all(len({int(row[0]) % 2 for row in x.numpy()}) == 1 for x, in by_function)
    sizes = [len(x) for x, in pipeline(rows).bucket(boundaries=[10], batch_sizes=7, drop_last=True)]
    assert set(sizes) == {7}


def test_weighted_and_balanced_rows():
    drawn = flat(pipeline(X).sample(X, seed=1, count=45_000).batch(5000))
    counts = np.bincount(drawn, minlength=10)
    expected = 1000 * X
    assert counts[0] == 0
    assert ((counts - expected)[1:] ** 2 / expected[1:]).sum() < 8 + 4 * 4  # chi-square, 8 free
    labels = np.array([0] * 90 + [1] * 9 + [2])
    made = pipeline(np.arange(100), labels).balance(seed=2, count=300).batch(30)
    rows, drawn_labels = (np.concatenate(c) for c in zip(
        *[(a.numpy(), b.numpy()) for a, b in made], strict=True))
    assert np.bincount(drawn_labels).tolist() == [100, 100, 100]
    assert np.array_equal(labels[rows], drawn_labels)
    assert len(set(rows[drawn_labels == 0])) > 50
    assert [len(x) for x, _ in pipeline(X, X % 2).map(lambda x, y: (x, y)).balance().batch(4)] == [
        4, 4, 2]
    with pytest.raises(ShapeError, match="a weight for each row"):
        pipeline(X).sample([1.0])
    with pytest.raises(ArgumentError, match="none is negative"):
        pipeline(X).sample(-X)
    with pytest.raises(ArgumentError, match="before they are read"):
        pipeline(Squares()).balance()


def test_mixtures_keep_shares_and_orders():
    ones, twos = pipeline(np.arange(3000)), pipeline(10_000 + np.arange(7000))
    drawn = np.array(flat(mix([ones, twos], [0.3, 0.7], seed=3, until="last").batch(100)))
    for part in (drawn[drawn < 10_000], drawn[drawn >= 10_000]):
        assert np.array_equal(part, np.arange(len(part)) + part[0])
    assert len(drawn) == 10_000
    share = (drawn[:5000] < 10_000).mean()
    assert abs(share - 0.3) < 4 * np.sqrt(0.21 / 5000)
    first = flat(mix([pipeline(X), pipeline(X + 100).repeat()], seed=1).batch(7))
    assert [v for v in first if v < 100] == X.tolist()
    whole = mix([pipeline(X).batch(5), pipeline(X + 100).batch(2)], until="last", seed=0)
    assert sorted(map(len, batches(whole))) == [2] * 5 + [5, 5]
    assert len(whole) == 7
    with pytest.raises(ArgumentError, match="have batches, or none"):
        mix([pipeline(X), pipeline(X).batch(2)])
    with pytest.raises(ShapeError, match="the same columns"):
        list(mix([pipeline(X), pipeline(X, X)]).batch(8))


def test_what_comes_before_a_cache_is_done_once(tmp_path):
    for folder in (None, tmp_path / "rows"):
        seen = []
        made = pipeline(X).map(lambda x: seen.extend(x.tolist()) or x * 2).cache(  # noqa: B023
            folder).shuffle(1).batch(4)
        orders = [flat(made) for _ in range(3)]
        assert sorted(seen) == X.tolist()
        assert all(sorted(order) == (2 * X).tolist() for order in orders)
    seen = []
    again = pipeline(X).map(lambda x: seen.extend(x.tolist()) or x * 2).cache(
        tmp_path / "rows").batch(10)
    assert batches(again) == [(2 * X).tolist()] and len(seen) == 4  # looked at, to compare
    with pytest.raises(DataError, match="belongs to one source"):
        pipeline(X).map(lambda x: x * 2 + (x > 8)).cache(tmp_path / "rows")
    with pytest.raises(DataError, match="belongs to one source"):
        pipeline(X[:5]).cache(tmp_path / "rows")


def test_a_stream_is_kept_in_a_folder(tmp_path):
    def records():
        runs.append(1)
        return iter([(np.full(3, i, np.float32), i) for i in range(300)])

    for folder in (None, tmp_path):
        runs = []
        made = pipeline(records).cache(folder).batch(64)
        whole = [(x.tolist(), y.tolist()) for x, y in made]
        assert [(x.tolist(), y.tolist()) for x, y in made] == whole and runs == [1]
    other = pipeline(records).cache(tmp_path).batch(64)
    assert [(x.tolist(), y.tolist()) for x, y in other] == whole and runs == [1]
    (tmp_path / "recording.bin").write_bytes(b"")
    with pytest.raises(lm.errors.FormatError, match="shorter than its index"):
        pipeline(records).cache(tmp_path)
    with pytest.raises(DataError, match="columns of numbers"):
        list(pipeline(iter(["a"])).cache(tmp_path / "text").batch(1))
    with pytest.raises(DataError, match="columns of numbers"):
        list(pipeline(["a"]).cache(tmp_path / "texts").batch(1))


def test_kept_batches_cannot_be_spoilt():
    def spoil(x):
        x += 1
        return x

    made = pipeline(lambda: iter(X)).cache().batch(10)
    first = batches(made)
    with pytest.raises(DataError, match="read-only"):
        list(pipeline(lambda: iter(X)).cache().map(spoil).batch(128))
    step = lm.compile(lambda x: x * 0)
    for x, in made:
        lm.eval(step(x))
    assert batches(made) == first


def test_a_policy_gets_a_key_for_each_batch():
    keys = []

    def policy(key, images, labels):
        keys.append(key.shape)
        return images + (key[0] % 1000).astype(lm.float32), labels

    def seen(made):
        return [(x.tolist(), y.tolist()) for x, y in made]

    x = np.zeros((10, 1), np.float32)
    make = lambda: pipeline(x, X).shuffle(0).batch(4).augment(policy, seed=3)  # noqa: E731
    made = make()
    first, second = seen(made), seen(made)
    shifts = {row[0][0] for images, _ in first + second for row in [images]}
    assert len(shifts) == 6  # a key of its own for each batch of each epoch
    assert seen(make()) == first
    resumed = make()
    iterator = iter(resumed)
    next(iterator)
    state = resumed.state()
    other = make()
    other.restore(state)
    assert seen(other) == first[1:]
    assert seen(make().prefetch(2, threads=2)) == first
    assert seen(pipeline(x, X).shuffle(0).batch(4).augment(policy, seed=4)) != first
    assert keys == [(2,)] * len(keys)


def test_lengths_where_they_are_known():
    rows = pipeline(np.arange(100))
    assert len(rows.batch(8)) == 13 and len(rows.batch(8, drop_last=True)) == 12
    assert len(rows.repeat(2).batch(8).map(lambda x: x).take(5).skip(1)) == 4
    assert len(rows.window(10, stride=10).batch(3)) == 4
    assert len(rows.batch(8).repeat(3)) == 39
    assert len(rows) == len(list(rows)) == 1
    for unknown in (rows.filter(lambda x: x > 0).batch(2), rows.repeat().batch(2),
                    pipeline(iter([1])).batch(1), pipeline(X, on_error="skip").batch(2),
                    rows.bucket(boundaries=[1], batch_sizes=2)):
        assert unknown
        with pytest.raises(LengthError):
            len(unknown)
    assert list(pipeline(iter([1])).batch(1))  # list() asks for a length


def test_pipelines_do_not_change():
    rows = pipeline(X)
    made = rows.batch(5)
    rows.map(lambda x: x + 1), rows.shuffle(0), made.take(1)
    assert batches(made) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    next(iter(made))
    assert rows.state()["epoch"] == 0 and made.take(2).state()["at"] is None
    assert pipeline(made) is made


def test_the_first_batch_leaves_the_position():
    made = pipeline(X).shuffle(0).batch(4)
    first = made.first()[0].tolist()
    assert made.epoch == 0 and batches(made)[0] == first
    with pytest.raises(DataError, match="at least one batch"):
        pipeline(X).take(0).batch(1).first()


def test_the_trainer_and_the_loader_take_pipelines_and_sources():
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    model = lm.nn.Linear(1, 1)
    trainer = lm.Trainer(model, loss=lm.functional.mse_loss,
                         optimizer=lm.optim.SGD(model.parameters(), lr=0.3))
    train = pipeline(x, 3 * x).shuffle(0).batch(16)
    logs = trainer.fit(train, valid=pipeline(x, 3 * x).filter(lambda x, y: x[:, 0] > 0).batch(16),
                       epochs=20)
    assert logs[-1]["valid_loss"] < 1e-3 and trainer.steps_per_epoch == 4
    rows = FunctionSource(lambda rows: (x[rows], 3 * x[rows]), length=64)
    assert trainer.evaluate(rows)["loss"] < 1e-3
    assert trainer.predict(pipeline(x, x).batch(10)).shape == (64, 1)
    assert [len(a) for a, _ in Loader(rows, batch_size=40)] == [40, 24]
    assert Loader(rows, transform=lambda a, b: a).dataset.take(np.array([3]))[0].shape == (1, 1)
    with pytest.raises(ArgumentError, match="has batches"):
        trainer.fit(pipeline(x, x))


@pytest.mark.parametrize("make", [
    lambda: pipeline(),
    lambda: pipeline(3),
    lambda: pipeline(X, on_error="ignore"),
    lambda: pipeline(X, length=3),
    lambda: pipeline(lambda r: r, length=-1),
    lambda: Pipeline(X, X[:3]),
    lambda: pipeline(X).batch(0),
    lambda: pipeline(X).batch(2).batch(2),
    lambda: pipeline(X).batch(True),
    lambda: pipeline(X).shuffle(-1),
    lambda: pipeline(X).shuffle("0"),
    lambda: pipeline(X).batch(2).shuffle(0),
    lambda: pipeline(X).filter(abs).shuffle(0),
    lambda: pipeline(iter(X)).shuffle(0),
    lambda: pipeline(X).repeat().shuffle(0),
    lambda: pipeline(X).repeat(0),
    lambda: pipeline(X).shard(2, 2),
    lambda: pipeline(X).take(-1),
    lambda: pipeline(X).map("f"),
    lambda: pipeline(X).filter(None),
    lambda: pipeline(X).shuffle(0).window(2),
    lambda: pipeline(X).batch(2).window(2),
    lambda: pipeline(X).window(0),
    lambda: pipeline(X).shuffle(0).balance(X),
    lambda: pipeline(iter(X)).balance(X),
    lambda: pipeline(X).augment(abs),
    lambda: pipeline(X).batch(2).augment(abs).map(abs),
    lambda: pipeline(X).batch(2).augment(abs).cache(),
    lambda: pipeline(X).prefetch(0),
    lambda: pipeline(X).bucket(boundaries=[3, 2], batch_sizes=4),
    lambda: pipeline(X).bucket(boundaries=[3], batch_sizes=[4]),
    lambda: mix([]),
    lambda: mix([X], [0.0]),
    lambda: mix([X], until="never"),
    lambda: mix([pipeline(X).batch(2).augment(abs)]).prefetch(),
])
def test_wrong_arguments(make):
    with pytest.raises((ArgumentError, ShapeError)):
        make()


def test_what_fills_up_is_a_number():
    with pytest.raises(ArgumentError, match="pad is a number"):
        pipeline(np.arange(4)).batch(2, pad="x")
    with pytest.raises(ArgumentError, match="pad is a number"):
        pipeline(np.arange(4)).bucket(boundaries=[2], batch_sizes=2, pad=[0])


def test_a_policy_that_returns_nothing():
    with pytest.raises(ArgumentError, match="returns the columns"):
        list(pipeline(np.arange(4)).batch(2).augment(lambda key, x: None))
