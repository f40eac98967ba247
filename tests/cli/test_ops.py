"""`lamina ops`: the whole table, one kind, one operation."""

from lamina.cli import main
from lamina.ops.table import TABLE


def test_every_operation_is_listed(capsys):
    assert main(["ops"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = {line.split()[0] for line in lines if line.startswith("  ")}
    assert listed == set(TABLE)
    assert lines[-1].startswith(f"{len(TABLE)} operations")


def test_one_kind(capsys):
    assert main(["ops", "--kind", "elementwise"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = {line.split()[0] for line in lines if line.startswith("  ")}
    assert listed == {name for name, op in TABLE.items() if op.kind.name == "elementwise"}


def test_one_operation(capsys):
    assert main(["ops", "tanh"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("tanh: ") and "elementwise" in out and "gradient" in out


def test_unknown_names(capsys):
    assert main(["ops", "tanhh"]) == 1
    assert "'tanhh'" in (err := capsys.readouterr().err) and "try: " in err and "tanh" in err
    assert main(["ops", "--kind", "magic"]) == 1
    assert "contraction" in capsys.readouterr().err
