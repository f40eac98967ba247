"""Elements are set where the old values lie, unless somebody can still see those."""

import numpy as np
import pytest

import lamina as lm
from lamina import nn
from lamina.errors import IndexingError

N = 1000
START = np.arange(N, dtype=np.float32)
PLACES = np.array([3, 900, 3, -1])
MASK = START % 7 == 0


def address(t):
    return t.node.value.address


@pytest.fixture
def x():
    """A tensor that nothing else refers to."""
    return lm.tensor(START)


# By name: what is done to a tensor, and the same to an array.
def set_element(x):
    x[17] = -1.0


def set_slice(x):
    x[10:900:3] = -2.0


def set_backwards(x):
    x[900:10:-7] = x[:128]


def set_places(x):
    x[PLACES if isinstance(x, np.ndarray) else lm.tensor(PLACES)] = -3.0


def set_mask(x):
    x[MASK if isinstance(x, np.ndarray) else lm.tensor(MASK)] = -4.0




def increment(x):
    x[5] += 1.0
    x[100:200] *= 2.0


def shift(x):
    x[1:] = x[:-1]


def chain(x):
    for i in range(40):
        x[i + 1] = x[i] + x[i + 2]


CHANGES = {f.__name__: f for f in (set_element, set_slice, set_backwards, set_places, set_mask,
                                   increment, shift, chain)}


@pytest.mark.parametrize("name", CHANGES)
def test_elements_change_in_place(x, name):
    before, expected = address(x), START.copy()
    for _ in range(3):
        CHANGES[name](x)
        CHANGES[name](expected)
        lm.evaluate(x)
        np.testing.assert_array_equal(np.asarray(x.numpy()), expected)
    assert address(x) == before


def test_rows_and_columns():
    x, expected = lm.tensor(START.reshape(10, 100)), START.reshape(10, 100).copy()
    lm.evaluate(x)
    before = address(x)
    for array in (x, expected):
        array[3] = 5.0
        array[:, 4] = -5.0
        array[2:4, 10:90] = 7.0
        array[::-2, -3:] = np.ones((5, 3), np.float32)
        array[..., None, 7] = 9.0
    np.testing.assert_array_equal(x.numpy(), expected)
    assert address(x) == before


def test_sums_are_added_in_place():
    x = lm.tensor(START)
    before = address(x)
    y = lm.scatter_add(x, PLACES, lm.ones(4))
    del x
    expected = START.copy()
    np.add.at(expected, PLACES, 1)
    np.testing.assert_array_equal(y.numpy(), expected)
    assert address(y) == before


HOLDERS = {
    "a NumPy view": lambda x: np.asarray(x.node.value.array((N,), np.dtype("f4"))),
    "a second tensor": lambda x: lm.tensor(x),
    "a detached tensor": lambda x: x.detach(),
    "a pending result": lambda x: x + 0,
    "a slice": lambda x: x[10:],
    "a view": lambda x: x.reshape(10, -1).T,
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("name", CHANGES)
def test_what_somebody_holds_keeps_its_value(x, name, holder):
    held = HOLDERS[holder](x)
    wanted = np.array(HOLDERS[holder](lm.tensor(START)))
    expected = START.copy()
    for _ in range(2):
        CHANGES[name](x)
        CHANGES[name](expected)
        lm.evaluate(x)
    np.testing.assert_array_equal(np.asarray(held), wanted)
    np.testing.assert_array_equal(x.numpy(), expected)


def test_the_old_value_is_read_again_in_the_same_program(x):
    old = x + 0
    x[7:500] = -1.0
    both = x * 1000 + old
    lm.evaluate(x, both)
    expected = START.copy()
    expected[7:500] = -1
    np.testing.assert_array_equal(x.numpy(), expected)
    np.testing.assert_array_equal(both.numpy(), expected * 1000 + START)


def test_two_updates_of_one_value():
    x = lm.tensor(START)
    one = lm.scatter(x, [1], [5.0])
    two = lm.scatter(x, [2], [6.0])
    del x
    lm.evaluate(one, two)
    assert one[:3].tolist() == [0, 5, 2] and two[:3].tolist() == [0, 1, 6]


def test_an_update_of_what_the_program_computes():
    a = lm.tensor(START)
    middle = lm.cumulative_sum(a)
    one = lm.scatter(middle, [0], [-1.0])
    two = lm.scatter(one, [1], [-2.0])
    total = middle.sum() + one.sum()  # both are read after they were updated
    found = [t.numpy() for t in (total, two)]
    sums = np.cumsum(START)
    first = sums.copy()
    first[0] = -1
    assert found[0] == pytest.approx(sums.sum() + first.sum(), rel=1e-6)
    first[1] = -2
    np.testing.assert_allclose(found[1], first, rtol=1e-6)


def test_history_keeps_the_old_value():
    p = lm.tensor(START, requires_grad=True)
    y = p * p
    z = y * 1.0
    z[5] = 0.0
    loss = (z * y).sum()
    lm.evaluate(loss, z)
    loss.backward()
    wanted = 4 * START ** 3
    wanted[5] = 0
    np.testing.assert_allclose(p.grad.numpy(), wanted, rtol=1e-6)


def test_after_a_failed_check_the_old_values_are_there(x):
    x[lm.tensor([3]) + N] = 1.0
    with pytest.raises(IndexingError):
        lm.evaluate(x)
    np.testing.assert_array_equal(x.numpy(), START)


def test_a_compiled_function_changes_what_it_keeps():
    state = nn.Buffer(START)

    @lm.compile
    def put(i, value):
        state[i] = value
        state[10:20] = state[11:21]
        return state[:3].sum()

    expected, before = START.copy(), address(state)
    for turn in range(4):
        found = put(lm.tensor([turn]), lm.tensor(float(turn)))
        expected[turn] = turn
        expected[10:20] = expected[11:21].copy()
        assert found.item() == expected[:3].sum()
        np.testing.assert_array_equal(state.numpy(), expected)
    assert address(state) == before
    held = state.detach()
    put(lm.tensor([0]), lm.tensor(-9.0))
    assert held[0].item() == 0 and state[0].item() == -9


def fill(carry, row):
    place, value = row
    new = lm.scatter(carry, place.reshape(1), value.reshape(1))
    return new, new[0] + value


def test_a_scan_updates_its_carry_in_place():
    places = lm.tensor([0, 3, 0, 5])
    values = lm.tensor([1.0, 2.0, 3.0, 4.0])
    x = lm.tensor(START)
    for turns in (4, 3, 1):
        last, rows = lm.scan(fill, x, (places[:turns], values[:turns]))
        expected, wanted = START.copy(), []
        for p, v in zip(places.tolist()[:turns], values.tolist()):
            expected[p] = v
            wanted.append(expected[0] + v)
        np.testing.assert_array_equal(last.numpy(), expected)
        assert rows.tolist() == wanted
    np.testing.assert_array_equal(x.numpy(), START)


def test_gradients_through_a_scan_of_updates():
    places = lm.tensor([0, 3, 0])
    lm.testing.check_gradients(
        lambda x, values: (lm.scan(fill, x, (places, values))[0] ** 2).sum(),
        lm.tensor(START[:6], dtype=lm.float64), lm.tensor([1.0, 2.0, 3.0], dtype=lm.float64))


def test_a_while_loop_updates_its_carry_in_place():
    def body(state):
        i, x = state
        return i + 1, lm.scatter(x, i.reshape(1), (x[0] + 1).reshape(1))

    x = lm.tensor(START)
    _, found = lm.while_loop(lambda s: s[0] < 5, body, (lm.tensor(0), x))
    expected = START.copy()
    for i in range(5):
        expected[i] = expected[0] + 1
    np.testing.assert_array_equal(found.numpy(), expected)
    np.testing.assert_array_equal(x.numpy(), START)


def test_the_old_carry_is_read_after_the_update():
    def body(carry, row):
        new = lm.scatter(carry, row.reshape(1), carry[-1:] + 1)
        return new, (new * carry).sum()

    places = lm.tensor([1, 2, 3])
    last, rows = lm.scan(body, lm.tensor(START[:5]), places)
    expected, wanted = START[:5].copy(), []
    for p in (1, 2, 3):
        old = expected.copy()
        expected[p] = expected[-1] + 1
        wanted.append((expected * old).sum())
    np.testing.assert_array_equal(last.numpy(), expected)
    assert rows.tolist() == wanted


def test_a_loop_of_assignments_is_run_in_pieces():
    x = lm.zeros(500)
    for i in range(400):
        x[i] = float(i)
    np.testing.assert_array_equal(x.numpy()[:400], np.arange(400))


def test_a_mask_of_a_value_that_is_not_known_yet():
    @lm.compile
    def clip(x):
        x[x < 3] = 3.0
        return x

    assert clip(lm.tensor([1.0, 5.0])).tolist() == [3, 5]


@pytest.mark.parametrize("dtype", [lm.float16, lm.int8, lm.bool, lm.float64])
def test_every_dtype(dtype):
    x = lm.zeros((4, 5), dtype=dtype)
    x[1:3, ::2] = 1
    expected = np.zeros((4, 5))
    expected[1:3, ::2] = 1
    np.testing.assert_array_equal(x.numpy().astype(float), expected)


def test_nothing_and_everything_is_set():
    x = lm.zeros((3, 4))
    x[5:] = 1.0
    x[:, 2:2] = 1.0
    assert x.sum().item() == 0
    x[...] = 2.0
    assert x.sum().item() == 24
    y = lm.tensor(3.0)
    y[...] = 4.0
    y[()] = y + 1
    assert y.item() == 5
