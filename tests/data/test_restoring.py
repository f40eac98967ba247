"""state() and restore(): any chain of stages goes on exactly where it was, also over epochs."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lamina as lm
from lamina.data import Dataset, Loader, mix, pipeline
from lamina.errors import ArgumentError, DataError

EPOCHS = 3

# Stages by name: whether they want rows (True), batches (False) or either (None), and what they do.
# Each is made anew for every pipeline, so that two of them share nothing.
STAGES = {
    "map": (None, lambda p, k: p.map(lambda x, r: (x + k, r))),
    "filter": (None, lambda p, k: p.filter(lambda x, r: x.reshape(len(x), -1)[:, 0] % 5 != k)),
    "take": (None, lambda p, k: p.take(10 + k)),
    "skip": (None, lambda p, k: p.skip(k)),
    "shard": (None, lambda p, k: p.shard(k % 2, 2)),
    "repeat": (None, lambda p, k: p.repeat(1 + k % 3)),
    "near": (True, lambda p, k: p.shuffle(k, buffer=7)),
    "window": (True, lambda p, k: p.window(1 + k % 2, stride=1 + k, horizon=k % 2).map(_flat)),
    "cache": (None, lambda p, k: p.cache()),
    "prefetch": (None, lambda p, k: p.prefetch(1 + k, threads=1 + k % 2)),
    "batch": (True, lambda p, k: p.batch(1 + k, drop_last=k == 3, pad=0)),
    "bucket": (True, lambda p, k: p.bucket(1, boundaries=[1, 2], batch_sizes=[2, 3, 1 + k])),
}
HEADS = {
    "rows": lambda n, k: pipeline(_numbers(n), _ragged(n)),
    "shuffled": lambda n, k: pipeline(_numbers(n), _ragged(n)).shuffle(k),
    "weighted": lambda n, k: pipeline(_numbers(n), _ragged(n)).sample(np.arange(1, n + 1), seed=k),
    "records": lambda n, k: pipeline(lambda: zip(_numbers(n), _ragged(n), strict=True)),
    "list": lambda n, k: pipeline(list(zip(_numbers(n), _ragged(n), strict=True))),
    "mixed": lambda n, k: mix(
        [HEADS["shuffled"](n, k), HEADS["records"](n // 2 + 1, k), HEADS["weighted"](n // 4, k)],
        [0.5, 0.3, 0.2], seed=k, until=["first", "last"][k % 2]),
}


def _numbers(n):
    return np.arange(n)


def _ragged(n):
    rows = np.empty(n, object)
    rows[:] = [np.full(1 + i % 4, i) for i in range(n)]
    return rows


def _flat(*columns):
    x, r = columns[0], columns[-1]
    rows = np.empty(len(x), object)
    rows[:] = [np.concatenate([np.atleast_1d(v) for v in row]) for row in r]
    return x.reshape(len(x), -1)[:, 0], rows


@st.composite
def chains(draw):
    """The name of a head, its size and number; stages with a number each."""
    head = draw(st.sampled_from(sorted(HEADS)))
    stages, batched = [], False
    for name in draw(st.lists(st.sampled_from(sorted(STAGES)), max_size=6)):
        wants = STAGES[name][0]
        if wants is True and batched:
            continue
        if name == "window" and any(stage == "window" for stage, _ in stages):
            continue
        stages.append((name, draw(st.integers(0, 4))))
        batched = batched or name in ("batch", "bucket")
    if not batched:
        stages.append(("batch", draw(st.integers(0, 4))))
    return head, draw(st.integers(8, 40)), draw(st.integers(0, 3)), stages


def build(chain):
    head, n, k, stages = chain
    made = HEADS[head](n, k)
    for name, number in stages:
        made = STAGES[name][1](made, number)
    return made


def plain(batch):
    """A batch as lists, to be compared."""
    return [column.tolist() if isinstance(column, lm.Tensor)
            else [np.asarray(row).tolist() for row in column] for column in batch]


def epochs(made, count=EPOCHS):
    """The batches of some epochs, and the state after each as text."""
    found = []
    for _ in range(count):
        batches = [(plain(batch), json.dumps(made.state())) for batch in made]
        found.append(batches)
    return found


@settings(max_examples=150, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(chains(), st.data())
def test_any_chain_goes_on_where_it_was(chain, data):
    try:
        made = build(chain)
    except ArgumentError:  # a chain that is refused, such as windows longer than the data
        return
    whole = epochs(made)
    assert epochs(build(chain)) == whole
    places = [(e, k) for e, batches in enumerate(whole) for k in range(len(batches))]
    if not places:
        return
    for _ in range(2):
        epoch, number = data.draw(st.sampled_from(places))
        other = build(chain)
        if data.draw(st.booleans()):  # one that has been used: its caches are full
            epochs(other, 1)
        other.restore(json.loads(whole[epoch][number][1]))
        rest = [whole[epoch][number + 1:], *whole[epoch + 1:]]
        assert epochs(other, EPOCHS - epoch) == rest


def test_the_chains_that_are_drawn_reach_every_stage():
    seen = set()

    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(chains())
    def look(chain):
        seen.update([chain[0], *(name for name, _ in chain[3])])

    look()
    assert seen == {*HEADS, *STAGES}


def test_between_two_epochs_the_state_is_the_next_one():
    made = pipeline(np.arange(6)).shuffle(1).batch(2)
    assert made.state()["epoch"] == 0
    list(made)
    assert (made.state()["epoch"], made.state()["at"]) == (1, None)
    second = [plain(batch) for batch in made]
    made.restore({**made.state(), "epoch": 1})
    assert [plain(batch) for batch in made] == second


def test_what_is_made_ahead_does_not_count():
    made = pipeline(np.arange(100)).batch(10).prefetch(5, threads=2)
    batches = iter(made)
    for _ in range(3):
        next(batches)
    assert made.state()["at"] == 30
    made.restore(made.state())
    assert next(iter(made))[0].tolist() == list(range(30, 40))


def test_threads_and_blocks_ahead_may_differ():
    one = pipeline(np.arange(100)).shuffle(4).filter(lambda x: x % 3 > 0).batch(8)
    state, rest = None, []
    for number, (x,) in enumerate(one):
        if number == 3:
            state = one.state()
        elif number > 3:
            rest.append(x.tolist())
    other = pipeline(np.arange(100)).shuffle(4).filter(lambda x: x % 3 > 0).prefetch(
        4, threads=2).batch(8)
    other.restore(state)
    assert [x.tolist() for x, in other] == rest


def test_loader_goes_on_in_the_middle_of_an_epoch():
    loader = Loader(np.arange(20), batch_size=3, shuffle=True, seed=2)
    list(loader)
    batches = iter(loader)
    next(batches), next(batches)
    state, rest = loader.state(), [x.tolist() for x, in batches]
    again = Loader(np.arange(20), batch_size=3, shuffle=True, seed=2)
    again.restore(json.loads(json.dumps(state)))
    assert [x.tolist() for x, in again] == rest
    assert again.epoch == 2


def test_a_kept_epoch_that_is_entered_in_its_middle_is_the_first_one():
    def make():
        return pipeline(np.arange(400)).shuffle(1).filter(lambda x: x % 2 > 0).cache().batch(9)

    made = make()
    whole = epochs(made, 2)
    other = make()
    other.restore(json.loads(whole[1][15][1]))  # its cache is empty
    assert epochs(other, 2) == [whole[1][16:], epochs(made, 1)[0]]


def test_a_mixture_goes_on_without_those_that_ended():
    def make():
        return mix([pipeline(np.arange(n) + 1000 * n) for n in (10, 300, 400)], [2, 3, 1], seed=5,
                   until="last").batch(7)

    made = make()
    whole = epochs(made, 1)[0]
    for place in (10, 60, 95):
        other = make()
        other.restore(json.loads(whole[place][1]))
        assert epochs(other, 1)[0] == whole[place + 1:]


def test_a_state_of_other_data_is_refused():
    state = pipeline(np.arange(10)).batch(2).state()
    with pytest.raises(ArgumentError, match="same rows and stages"):
        pipeline(np.arange(11)).batch(2).restore(state)
    with pytest.raises(ArgumentError, match="what state"):
        pipeline(np.arange(10)).batch(2).restore({"epoch": 1})


def test_a_stream_that_became_shorter_is_noticed():
    records = list(range(10))
    made = pipeline(lambda: iter(records)).batch(2)
    batches = iter(made)
    for _ in range(4):
        next(batches)
    state = made.state()
    made = pipeline(lambda: iter(records[:5])).batch(2)
    made.restore(state)
    with pytest.raises(DataError, match="gives again what it gave before"):
        list(made)


def test_waiting_rows_of_buckets_are_few_numbers():
    rows = _ragged(10_000)
    made = pipeline(Dataset(rows)).shuffle(0).bucket(boundaries=[1, 2, 3], batch_sizes=32)
    for number, _ in enumerate(made):
        if number % 50 == 0:
            assert len(json.dumps(made.state())) < 4000
