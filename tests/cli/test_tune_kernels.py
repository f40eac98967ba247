"""`lamina tune-kernels`."""

import sys

import pytest

from lamina.cli.commands import main

pytestmark = pytest.mark.usefixtures("quick_tuning")


def test_a_script_is_run_with_its_arguments(tmp_path, capsys):
    script = tmp_path / "script.py"
    script.write_text("import sys\nimport lamina as lm\n"
                      "n = int(sys.argv[1])\nx = lm.ones((n, n))\nprint((x @ x)[0, 0].item())\n")
    before = list(sys.argv)
    assert main(["tune-kernels", str(script), "--arguments", "72"]) == 0
    out = capsys.readouterr().out
    assert "72.0" in out and "72x72, sums of 72" in out and "within 1.15 of the best in" in out
    assert sys.argv == before


def test_a_network_of_a_configuration(tmp_path, capsys):
    config = tmp_path / "digits.toml"
    config.write_text('epochs = 1\ndata.type = "digits"\nmodel.layers = ["Flatten", '
                      '{type = "Linear", out_features = "=classes"}]\n')
    code = main(["tune-kernels", str(config), "--batch", "16"])
    out = capsys.readouterr()
    assert code == 0, out.err
    assert "16x10, sums of 64" in out.out


def test_what_is_not_there(capsys):
    assert main(["tune-kernels", "nowhere.toml"]) == 1
    assert "nowhere.toml" in capsys.readouterr().err
