"""The four parts of an error, and what tools read from it."""

import re

import pytest

from lamina import errors
from lamina.errors import (
    DataError,
    DTypeError,
    LaminaError,
    ShapeError,
    current_place,
    describe_line,
    inside,
    pop_place,
    push_place,
)


def matmul_error() -> ShapeError:
    return ShapeError(
        "matmul",
        operands=[("x", "float32 [32, 128]"), ("weight", "float32 [256, 10]   128 is not 256")],
        rule="the last axis of x must equal the first axis of weight",
        hint="weight.T",
        expected=128,
        got=256,
        where=("/home/me/train.py", 14),
    )


def test_text_has_the_place_the_operands_the_rule_and_the_way_out():
    assert str(matmul_error()) == (
        "ShapeError in matmul, at train.py:14\n"
        "  x       float32 [32, 128]\n"
        "  weight  float32 [256, 10]   128 is not 256\n"
        "  rule: the last axis of x must equal the first axis of weight\n"
        "  try: weight.T"
    )


def test_parts_that_are_not_given_leave_no_lines():
    assert str(LaminaError("op", where=("a.py", 1))) == "LaminaError in op, at a.py:1"


def test_the_modules_being_called_stand_before_the_operation():
    with inside("model"), inside("encoder"):
        push_place("layers[3] (Linear 8 -> 4)")
        error = matmul_error()
        pop_place()
    assert str(error).startswith(
        "ShapeError in model.encoder.layers[3] (Linear 8 -> 4): matmul, at train.py:14\n"
    )
    assert error.path == "model.encoder.layers[3] (Linear 8 -> 4)"
    assert current_place() == ""


def test_the_place_is_left_when_the_block_raises():
    with pytest.raises(ZeroDivisionError), inside("model"):
        raise ZeroDivisionError
    assert current_place() == ""


def test_the_line_is_the_users():
    error = ShapeError("op")  # this line
    path, line = error.where
    assert path == __file__
    assert describe_line(error.where) == (
        f'test_errors.py:{line}   error = ShapeError("op")  # this line'
    )


def test_fields_are_on_the_exception():
    error = matmul_error()
    assert (error.op, error.rule, error.hint) == (
        "matmul", "the last axis of x must equal the first axis of weight", "weight.T"
    )
    assert (error.expected, error.got) == (128, 256)
    assert error.operands[0] == ("x", "float32 [32, 128]")


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ShapeError", ValueError),
        ("DTypeError", TypeError),
        ("ArgumentError", ValueError),
        ("IndexingError", IndexError),
        ("GradientError", RuntimeError),
        ("DeviceError", RuntimeError),
        ("NumericError", ArithmeticError),
        ("CompileError", RuntimeError),
        ("FormatError", ValueError),
        ("DataError", OSError),
        ("ConfigError", ValueError),
    ],
)
def test_each_class_is_also_the_builtin_that_people_catch(name: str, builtin: type):
    kind = getattr(errors, name)
    assert issubclass(kind, LaminaError) and issubclass(kind, builtin)
    assert re.match(r"[A-Z].*\.$", kind.__doc__.strip().splitlines()[0])
    assert str(kind("op", where=("a.py", 1))) == f"{name} in op, at a.py:1"


def test_messages_of_os_and_type_errors_are_not_reworded():
    assert str(DataError("read", rule="r", where=("a.py", 1))).endswith("rule: r")
    assert str(DTypeError("cast", rule="r", where=("a.py", 1))).endswith("rule: r")
