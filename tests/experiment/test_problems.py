"""Every wrong configuration is told with file, line, what was expected, and what was meant."""

import json
from pathlib import Path

import pytest
import yaml

from lamina.experiment import ExperimentError, load
from tests.experiment.files import DIGITS, written

HEAD = '[data]\ntype = "digits"\n[model]\nlayers = ["Flatten", "ReLU"]\n'  # lines 1 to 4

# What is added behind HEAD, and what is told: line, key and text.
WRONG = {
    "an unknown key": ("[optimzer]\nlr = 1", 5, 'optimzer: there is no such key here; did you mean "optimizer"?'),
    "an unknown key that is near to none": ("[xyz]\na = 1", 5, "xyz: there is no such key here: it takes seed, epochs, batch_size, data, table, model, blocks, loss, metrics, optimizer, callbacks, precision, recompute, class_weights, fine_tune and run"),
    "a number that is text": ('[optimizer]\nlr = "fast"', 6, 'optimizer.lr: expected a number above 0, or "search", got "fast"'),
    "a rate below zero": ("[optimizer]\nlr = -0.1", 6, 'optimizer.lr: expected a number above 0, or "search", got -0.1'),
    "a rate that is no number": ("[optimizer]\nlr = nan", 6, 'optimizer.lr: expected a number above 0, or "search", got nan'),
    "no optimizer of that name": ('optimizer.type = "adamx"', 5, 'model.optimizer: layers take no such key'),
    "an optimizer": ('[optimizer]\ntype = "Adamm"', 6, 'optimizer.type: no optimizer is named "Adamm"; did you mean "Adam"?'),
    "an argument of an optimizer": ("[optimizer]\nbeta = 0.9", 6, 'optimizer.beta: Adam has no such argument; did you mean "betas"?'),
    "the type of an argument": ("[optimizer]\nbetas = 0.9", 6, "optimizer.betas: expected a list of 2 numbers, got 0.9"),
    "the length of a list": ("[optimizer]\nbetas = [0.9]", 6, "optimizer.betas: expected a list of 2 numbers, got [0.9]"),
    "what a constructor refuses": ("[optimizer]\nbetas = [0.9, 2.0]", 5, "optimizer: betas[1]: betas[1] is a finite number of at least 0 and less than 1, got betas[1] 2.0"),
    "a schedule": ('[optimizer]\nschedule = "cosin"', 6, 'optimizer.schedule: no schedule is named "cosin"; did you mean "cosine"?'),
    "an argument of a schedule": ('[optimizer.schedule]\ntype = "step"\nstep_size = 2\ngama = 1', 8, 'optimizer.schedule.gama: step has no such argument; did you mean "gamma"?'),
    "a schedule that misses an argument": ('[optimizer.schedule]\ntype = "step"', 5, "optimizer.schedule: step needs step_size: a whole number"),
    "a unit": ('[optimizer.schedule]\ntype = "cosine"\nunit = "hours"', 7, 'optimizer.schedule.unit: expected "epochs" or "steps", got "hours"'),
    "a warm-up": ('[optimizer.schedule]\ntype = "cosine"\nwarmup = -1', 7, "optimizer.schedule.warmup: expected a number of at least 0, got -1"),
    "a schedule of a rate that is searched": ('[optimizer]\nlr = "search"\nschedule = "cosine"', 7, 'optimizer.schedule: a schedule needs a rate: lr is "search"'),
    "a group without parameters": ("[optimizer]\ngroups = [{lr = 1.0}]", 6, 'optimizer.groups.0: match is missing: expected a list of names or patterns of parameters, such as "fc" or "**.bias"'),
    "patterns that are no list": ('[optimizer]\ngroups = [{match = "fc"}]', 6, 'optimizer.groups.0.match: expected a list of names or patterns of parameters, such as "fc" or "**.bias", got "fc"'),
    "clip": ("[optimizer]\nclip = 0", 6, "optimizer.clip: expected a number above 0, got 0"),
    "accumulate": ("[optimizer]\naccumulate = 1.5", 6, "optimizer.accumulate: expected a whole number of at least 1, got 1.5"),
    "a truth that is a number": ("[optimizer]\ndecay_norms = 1", 6, "optimizer.decay_norms: expected true or false, got 1"),
    "a loss": ('[loss]\ntype = "cross_entrpy"', 6, 'loss.type: no loss is named "cross_entrpy"; did you mean "cross_entropy"?'),
    "an argument of a loss": ('[loss]\ntype = "cross_entropy"\nsmoothing = 0.1', 7, 'loss.smoothing: cross_entropy has no such argument; did you mean "label_smoothing"?'),
    "a loss without a type": ("[loss]\nlabel_smoothing = 0.1", 5, "loss: type is missing: expected text"),
    "metrics": ("[run]\n[callbacks]\n[fine_tune]\nfrom = 3", 8, "fine_tune.from: expected text, got 3"),
    "fine-tuning from nothing": ("[fine_tune]\nfreeze = []", 5, "fine_tune: from is missing: expected text"),
    "a callback": ("[callbacks.EarlyStoping]\npatience = 3", 5, 'callbacks.EarlyStoping: no callback is named "EarlyStoping"; did you mean "EarlyStopping"?'),
    "an argument of a callback": ("[callbacks.EarlyStopping]\npatiense = 3", 6, 'callbacks.EarlyStopping.patiense: EarlyStopping has no such argument; did you mean "patience"?'),
    "a callback that is no table": ("[callbacks]\nEarlyStopping = true", 6, "callbacks.EarlyStopping: expected a table, got true"),
    "what a callback refuses": ('[callbacks.early_stopping]\nmode = "least"', 5, "callbacks.early_stopping: EarlyStopping: mode is one of min, max, got mode 'least'"),
    "a run": ("[run]\nkeep = 0", 6, "run.keep: expected a whole number of at least 1, got 0"),
    "how often a run is saved": ("[run]\nsave_every = 0", 6, 'run.save_every: expected a number of steps, or "epoch", got 0'),
    "a block without layers": ("[blocks.a]\nparameters = {}", 5, "blocks.a: layers is missing: expected a list"),
    "a parameter that is a list": ("[blocks.a]\nparameters = {w = [1]}\nlayers = []", 6, "blocks.a.parameters.w: expected true or false or a whole number or a number or text, got [1]"),
    "a block with a layer's name": ("[blocks.Linear]\nlayers = []", 5, "blocks.Linear: a layer has this name already"),
    "an error in a block that is not used": ('[blocks.a]\nlayers = ["Lineer"]', 6, 'blocks.a.layers.0: no layer or block is named "Lineer"; did you mean "Linear"?'),
    "a table without a target": ("[table]\ndrop = []", 5, "table: target is missing: expected text"),
    "a list that is text": ('[table]\ntarget = "y"\ndrop = "x"', 7, 'table.drop: expected a list of names, got "x"'),
}  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(("text", "line", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_line(tmp_path, monkeypatch, text, line, told):
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text(HEAD + text + "\n")
    problems = problems_of("c.toml")
    assert problems == [f"c.toml:{line}: {told}"]


DATA = {
    "no source": ("", "c.toml:1: data: type is missing: expected text"),
    "a source": ('type = "digit"', 'c.toml:2: data.type: no source is named "digit"; did you mean "digits"?'),
    "an argument": ('type = "ImageFolder"\nfolder = "x"\nsizes = 3', 'c.toml:4: data.sizes: ImageFolder has no such argument; did you mean "size"?'),
    "a missing argument": ('type = "ImageFolder"', "c.toml:1: data: ImageFolder needs folder: text"),
    "a size": ('type = "ImageFolder"\nfolder = "x"\nsize = [3]', "c.toml:4: data.size: expected a list of 2 whole numbers or a whole number, got [3]"),
    "a share": ('type = "digits"\nvalidation = 1.5', "c.toml:3: data.validation: expected a share from 0 to below 1, or a table with the type of another source, got 1.5"),
    "shares": ('type = "digits"\nvalidation = 0.5\ntest = 0.5', "c.toml:3: data.validation: validation and test together leave nothing to train with"),
    "another source": ('type = "digits"\nvalidation = {type = "digitts"}', 'c.toml:3: data.validation.type: no source is named "digitts"; did you mean "digits"?'),
    "a limit": ('type = "digits"\nlimit = "all"', 'c.toml:3: data.limit: expected a whole number of at least 1, got "all"'),
    "normalize": ('type = "digits"\nnormalize = "imagenet"', 'c.toml:3: data.normalize: expected "auto", "none", "unit", "standard", or a table with mean and std, got "imagenet"'),
    "a mean without a deviation": ('type = "digits"\nnormalize = {mean = [0.5]}', 'c.toml:3: data.normalize: expected "auto", "none", "unit", "standard", or a table with mean and std, got a table with mean'),
    "an augmentation": ('type = "digits"\naugment = ["Flip", "HorizontalFlop"]', 'c.toml:3: data.augment.1: no augmentation is named "HorizontalFlop"; did you mean "HorizontalFlip"?'),
    "an argument of one": ('type = "digits"\naugment = [{type = "RandomCrop"}]', "c.toml:3: data.augment.0: RandomCrop needs size: a whole number or a list of 2 whole numbers"),
    "one inside another": ('type = "digits"\naugment = [{type = "RandomApply", p = 0.5, policy = "Nose"}]', 'c.toml:3: data.augment.0.policy: no augmentation is named "Nose"'),
    "what an augmentation refuses": ('type = "digits"\naugment = [{type = "HorizontalFlip", p = 2}]', "c.toml:3: data.augment.0: HorizontalFlip: "),
    "what is no list": ('type = "digits"\naugment = "HorizontalFlip"', 'c.toml:3: data.augment: expected a list of names, or of tables with a type, got "HorizontalFlip"'),
    "on_error": ('type = "digits"\non_error = "ignore"', 'c.toml:3: data.on_error: expected "raise" or "skip", got "ignore"'),
}  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(("text", "told"), DATA.values(), ids=DATA)
def test_data(tmp_path, monkeypatch, text, told):
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text(f'[data]\n{text}\n[model]\nlayers = ["Flatten"]\n')
    assert problems_of("c.toml")[-1].startswith(told)


MODEL = {
    "no model": ("", "model: expected either type, a ready model, or layers, a list"),
    "both": ('type = "lenet"\nlayers = []', "model: expected either type, a ready model, or layers, a list"),
    "a ready model": ('type = "resnet19"', 'model.type: no model is named "resnet19"; did you mean "resnet1'),
    "its argument": ('type = "resnet18"\nclasses = 3', 'model.classes: resnet18 has no such argument'),
    "its type": ('type = "resnet18"\nnum_classes = "3"', 'model.num_classes: expected a whole number, got "3"'),
    "what is no list": ('layers = "Linear"', 'model.layers: expected a list of layers, got "Linear"'),
    "a layer": ('layers = ["Conv2D", "Lnear"]', 'model.layers.1: no layer or block is named "Lnear"; did you mean "Linear"?'),
    "a layer's argument": ('layers = [{type = "Conv2d", out_chanels = 8}]', 'model.layers.0.out_chanels: Conv2d has no such argument; did you mean "out_channels"?'),
    "its value": ('layers = [{type = "Linear", out_features = 1.5}]', "model.layers.0.out_features: expected a whole number, got 1.5"),
    "what it refuses": ('layers = [{type = "Linear", out_features = -1}]', "model.layers.0: Linear: out_features is an int of at least 0, got out_features -1"),
    "a missing argument": ('layers = [{type = "Embedding", num_embeddings = 3}]', "model.layers.0: Embedding needs embedding_dim: a whole number"),
    "a layer without a type": ("layers = [{out_features = 3}]", "model.layers.0: type is missing: expected the name of a layer"),
    "a layer that is a number": ("layers = [3]", "model.layers.0: expected the name of a layer, or a table with a type, got 3"),
    "repeat": ('layers = [{type = "ReLU", repeat = -1}]', "model.layers.0.repeat: expected a whole number from 0 to 1000, got -1"),
    "a name": ('layers = [{type = "ReLU", name = "a.b"}]', 'model.layers.0.name: expected a word without dots, got "a.b"'),
    "a name twice": ('layers = [{type = "ReLU", name = "a"}, {type = "Tanh", name = "a"}]', 'model.layers: two layers are named "a"'),
    "a residual of nothing": ('layers = [{type = "Residual"}]', "model.layers.0: Residual needs layers: a list of layers"),
    "its key": ('layers = [{type = "Residual", layers = [], activate = "ReLU"}]', 'model.layers.0.activate: Residual has no such argument'),
    "its activation": ('layers = [{type = "Residual", layers = ["ReLU"], activation = "Relux"}]', 'model.layers.0.activation.0: no layer or block is named "Relux"; did you mean "ReLU"?'),
    "branches": ('layers = [{type = "Branches", branches = 3}]', "model.layers.0: Branches needs branches: a list of lists of layers"),
    "join": ('layers = [{type = "Branches", branches = ["ReLU"], join = "sum"}]', "model.layers.0: Branches: join is one of concat, add, multiply, got join 'sum'"),
    "an expression": ('layers = [{type = "Linear", out_features = "=clases"}]', 'model.layers.0.out_features: no parameter is named clases; did you mean "classes"?'),
    "one that calls": ('layers = [{type = "Linear", out_features = "=exit(3)"}]', "model.layers.0.out_features: 'exit(3)' is no arithmetic"),
    "one that is huge": ('layers = [{type = "Linear", out_features = "=9**9**9"}]', "model.layers.0.out_features: "),
    "one that is broken": ('layers = [{type = "Linear", out_features = "=4 *"}]', 'model.layers.0.out_features: expected arithmetic behind the =, such as "=4 * width", got "=4 *"'),
    "one by zero": ('layers = [{type = "Linear", out_features = "=4 // 0"}]', 'model.layers.0.out_features: "=4 // 0": integer division or modulo by zero'),
    "a block's parameter": ('layers = [{type = "b", wdith = 3}]\n[blocks.b]\nparameters = {width = 3}\nlayers = ["ReLU"]', 'model.layers.0.wdith: the block b has no such parameter; did you mean "width"?'),
    "a block in itself": ('layers = ["a"]\n[blocks.a]\nlayers = ["b"]\n[blocks.b]\nlayers = ["a"]', "blocks.b.layers.0: the block a uses itself: a -> b -> a"),
    "too many layers": ('layers = [{type = "b", repeat = 1000}]\n[blocks.b]\nlayers = [{type = "ReLU", repeat = 1000}]', "blocks.b.layers.0: a network has at most 2,000 layers"),
}  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(("text", "told"), MODEL.values(), ids=MODEL)
def test_models(tmp_path, text, told):
    file = written(tmp_path, f'data = "digits"\n[model]\n{text}\n')
    assert any(told in problem for problem in problems_of(file)), problems_of(file)


def problems_of(file: str, *overrides: str) -> list[str]:
    with pytest.raises(ExperimentError) as caught:
        load(file, overrides)
    return [str(problem) for problem in caught.value.problems]


def test_all_are_told_at_once_in_the_order_of_the_file(tmp_path, golden, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text("""\
sed = 3
epochs = "many"
[data]
type = "digit"
validation = 1.5
augment = ["HorizontalFlop"]
[model]
layers = [
  {type = "Conv2d", out_chanels = 8, kernel_size = 3},
  {type = "Linear", out_features = -1},
]
[optimizer]
type = "adamw"
lr = "fast"
schedule = {type = "cosin"}
[callbacks.early_stoping]
patience = 3
""")
    with pytest.raises(ExperimentError) as caught:
        load("c.toml", ["run.keep=0"])
    golden("all-at-once", str(caught.value).replace(", at test_problems.py", ""))


def test_overrides_are_named_in_errors(tmp_path):
    file = written(tmp_path, DIGITS)
    assert problems_of(file, "optimizer.lr=-1", "modle.type=lenet", "model.layers.1.bia=true") == [
        'optimizer.lr=-1: optimizer.lr: expected a number above 0, or "search", got -1',
        'modle.type=lenet: modle: there is no such key here; did you mean "model"?',
        'model.layers.1.bia=true: model.layers.1.bia: Linear has no such argument; did you mean '
        '"bias"?']


def test_yaml_says_the_same_as_toml(tmp_path):
    import tomllib

    data = json.loads(json.dumps(tomllib.loads(DIGITS)))
    toml = load(written(tmp_path, DIGITS))
    as_yaml = load(written(tmp_path, yaml.safe_dump(data), "config.yaml"))
    assert toml.resolved() == as_yaml.resolved()
    wrong = written(tmp_path, "data: digits\nmodel:\n  layers:\n    - type: Lineer\n", "bad.yml")
    assert problems_of(wrong)[0].startswith(f'{wrong}:4: model.layers.0: no layer or block is')


def test_what_watches_the_validation_needs_one(tmp_path):
    file = written(tmp_path, DIGITS + "[callbacks.EarlyStopping]\npatience = 2\n")
    load(file)
    assert problems_of(file, "data.validation=0") == [
        f'{file}:12: callbacks.EarlyStopping: monitor is "valid_loss", but nothing validates: '
        "data.validation is 0"]
