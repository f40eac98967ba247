"""One operation on values takes a short way, and gives what the long way gives."""

import threading

import numpy as np
import pytest

import lamina as lm
from lamina.config import override
from lamina.errors import IndexingError
from lamina.runtime import families, single


def twice(make):
    """The value on the long way, and then on the short one."""
    families.forget_programs()
    return make().numpy(), make().numpy()


CASES = {
    "add": lambda x: x + x, "a number": lambda x: x * 2.0, "a negative zero": lambda x: x * -0.0,
    "two": lambda x: x - x * 1, "a sum": lambda x: x.sum(axis=0),
    "a cast": lambda x: x.astype("int8"), "a comparison": lambda x: x > 0,
    "a view": lambda x: x.T, "nothing": lambda x: x[:0],
}


@pytest.mark.parametrize("name", CASES)
def test_both_ways_agree(name):
    x = lm.tensor(np.arange(6, dtype=np.float32).reshape(2, 3) - 2)
    first, second = twice(lambda: CASES[name](x))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == second.dtype


def test_the_second_one_is_known():
    x = lm.tensor([1.0, 2.0])
    families.forget_programs()
    (x + x).numpy()
    assert single.value_of((x + x).node) is not None
    assert single.value_of((x + x + x).node) is None, "an input is yet to be computed"
    assert single.value_of((x - x).node) is None, "another operation"


def test_numbers_that_are_equal_and_yet_differ():
    x = lm.tensor([1.0])
    for number in (0.0, -0.0, 1, 1.0, True):
        got = [np.signbit((x * number).numpy() * 1.0)[0] for _ in range(2)]
        assert got == [str(number).startswith("-")] * 2


def test_many_inputs_take_the_long_way():
    xs = [lm.tensor([float(i)]) for i in range(single.MOST_INPUTS + 1)]
    assert single.key_of(lm.concat(xs).node) is None
    np.testing.assert_array_equal(lm.concat(xs).numpy(), np.arange(len(xs), dtype=np.float32))


def test_an_index_that_is_wrong_is_an_error_each_time():
    x, good, bad = lm.tensor([1.0, 2.0, 3.0]), lm.tensor([0, 2]), lm.tensor([0, 7])
    for _ in range(3):
        np.testing.assert_array_equal(lm.take(x, good, axis=0).numpy(), [1, 3])
        with pytest.raises(IndexingError):
            lm.take(x, bad, axis=0).numpy()


def test_large_operands_hold_nobody_up():
    x = lm.tensor(np.ones((single.SMALL // 4 + 64,), np.float32))
    families.forget_programs()
    assert x.sum().item() == x.size
    assert single.value_of(x.sum().node) is None


def test_settings_are_followed():
    x = lm.tensor([1.0, 2.0])
    (x * 3.0).numpy()
    with override(device="interpret"):
        np.testing.assert_array_equal((x * 3.0).numpy(), [3, 6])
    with lm.memory_limit("1 MiB"):
        np.testing.assert_array_equal((x * 3.0).numpy(), [3, 6])


def test_threads():
    x, wrong = lm.tensor([1.0, 2.0]), []

    def work(number):
        try:
            for i in range(300):
                x * float(i)  # dropped: nobody asks for it
                got = (x * float(number)).numpy()
                if got.tolist() != [number, 2 * number]:
                    wrong.append(got)
        except Exception as error:  # noqa: BLE001
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
