"""Plans on disk: the next process plans nothing, and computes the same."""

import pickle
import subprocess
import sys

import pytest

from lamina.runtime import plans

PROGRAM = """
import sys
import numpy as np
import lamina as lm
from lamina.runtime import program
planned = []
make_plan = program.make_plan
program.make_plan = lambda *args: planned.append(1) or make_plan(*args)
{body}
print(len(planned), *out)
"""

STEP = """
lm.seed(0)
model = lm.nn.Sequential(lm.nn.Linear(4, 8), lm.nn.Dropout(0.5), lm.nn.Tanh(), lm.nn.Linear(8, 2))
optimizer = lm.optim.Adam(model.parameters(), lr=0.1)
x = lm.tensor(np.arange(12, dtype=np.float32).reshape(3, 4))
out = []
for n in (3, 2, 1):
    loss = (model(x[:n]) ** 2).mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    out.append(loss.item())
"""

LOOPS = """
def body(c, x):
    return lm.tanh(c + x), c.sum()
xs = lm.tensor(np.ones((5, 3), np.float32))
c, ys = lm.scan(body, lm.zeros(3), xs)
z = lm.cond(ys[1] > 0, lambda a: a * 2, lambda a: a - 1, c)
t = lm.tensor(np.arange(6, dtype=np.float32))
t[lm.tensor([1, 4])] = 7.0
out = [*ys.tolist(), *z.tolist(), *t.tolist()]
"""

INDICES = """
t = lm.tensor(np.arange(10, dtype=np.float32))
c, ys = lm.scan(lambda c, i: (c + t[i], c), lm.tensor(0.0), lm.tensor(np.array([1, 2, 3])))
z = lm.cond(c > 0, lambda i: t[i], lambda i: t[i + 1], lm.tensor(4))
out = [c.item(), *ys.tolist(), z.item()]
"""

NUMPY = """
out = lm.host_callback(np.sin, lm.ShapeDtype((3,), lm.float32), lm.zeros(3)).tolist()
"""

CALLABLE = """
import dataclasses
@dataclasses.dataclass(frozen=True)
class Plus:
    by: float
    def __call__(self, a):
        return a + np.float32(self.by)
out = lm.host_callback(Plus(2.0), lm.ShapeDtype((3,), lm.float32), lm.zeros(3)).tolist()
"""

CALLBACK = """
f = lm.host_callback(lambda a: a + {add}, lm.ShapeDtype((3,), lm.float32), lm.zeros(3))
out = f.tolist()
"""


def ran(tmp_path, body, *lines):
    """How many plans a new process makes, and what it prints besides."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(body=body))
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False,
                          env={"LAMINA_CACHE": str(tmp_path / "cache"), "PYTHONPATH": ":".join(
                              p for p in sys.path if p)})
    assert not done.returncode, done.stderr
    planned, *values = done.stdout.split()
    return int(planned), values


@pytest.mark.parametrize("body", [STEP, LOOPS, INDICES], ids=["step", "loops", "indices"])
def test_the_next_process_plans_nothing_and_gives_the_same_bits(tmp_path, body):
    first, values = ran(tmp_path, body)
    second, again = ran(tmp_path, body)
    assert first > 0
    assert second == 0
    assert again == values


def test_another_number_in_the_graph_is_another_plan(tmp_path):
    body = "out = (lm.tensor([1.0, 2.0]) * {}).tolist()"
    assert ran(tmp_path, body.format(3.0)) == (1, ["3.0", "6.0"])
    assert ran(tmp_path, body.format(4.0)) == (1, ["4.0", "8.0"])
    assert ran(tmp_path, body.format(3.0)) == (0, ["3.0", "6.0"])


def test_a_function_of_the_users_is_never_stored(tmp_path):
    assert ran(tmp_path, CALLBACK.format(add=1))[1] == ["1.0"] * 3
    assert ran(tmp_path, CALLBACK.format(add=2))[1] == ["2.0"] * 3


@pytest.mark.parametrize("body, value", [(NUMPY, "0.0"), (CALLABLE, "2.0")])
def test_what_calls_python_is_planned_anew(tmp_path, body, value):
    assert ran(tmp_path, body)[1] == [value] * 3
    planned, values = ran(tmp_path, body)
    assert planned > 0 and values == [value] * 3


def test_an_entry_that_is_no_plan_is_not_there(monkeypatch):
    monkeypatch.setattr(plans, "get_entry", lambda *args: b"junk")
    assert plans.load("name", None, []) is None


def test_an_entry_makes_nothing_but_the_compilers_records(monkeypatch):
    monkeypatch.setattr(plans, "get_entry", lambda *args: pickle.dumps((print, 1)))
    assert plans.load("name", None, []) is None
