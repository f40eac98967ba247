"""GoogLeNet's two further heads: they train, and evaluation does not run them."""

import numpy as np

import lamina as lm
from lamina import functional as F
from lamina import nn
from lamina.models import GoogLeNetOutputs, googlenet
from lamina.models.inception import from_imagenet


def test_it_learns_digits_with_both_heads_and_evaluates_without():
    lm.seed(0)
    images, labels = lm.datasets.digits("train")
    x = np.repeat(np.repeat(images[:16].reshape(-1, 8, 8, 1) / 8 - 1, 4, 1), 4, 2)
    x, y = lm.tensor(x.astype(np.float32)), lm.tensor(labels[:16].astype(np.int32))
    model = googlenet(num_classes=10, channels=1, init_weights=False, dropout=0.0, dropout_aux=0.0)
    for name in ("inception4b", "inception4c", "inception5a"):  # as many channels, less time
        setattr(model, name, nn.Identity())
    calls = _count_calls(model)
    optimizer = lm.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    @lm.compile
    def step(x, y):
        outputs = model(x)
        main, upper, lower = (F.cross_entropy(scores, y) for scores in outputs)
        loss = main + 0.3 * (upper + lower)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return main, upper, lower

    before = {k: v.numpy() for k, v in model.state_dict().items() if k.startswith("aux")}
    losses = [[loss.item() for loss in step(x, y)] for _ in range(12)]
    assert all(last < 0.7 * first for first, last in zip(losses[0], losses[-1])), losses
    after = model.state_dict()
    assert all(np.any(after[k].numpy() != v) for k, v in before.items() if "weight" in k)

    assert calls["aux1"] > 0 and calls["aux2"] > 0
    calls.update(aux1=0, aux2=0)
    with lm.no_grad():
        scores = model.eval()(x).numpy()
        assert calls == {"aux1": 0, "aux2": 0}
        for parameter in nn.select(model, "aux1", "aux2").values():
            parameter.assign(parameter * float("nan"))
        np.testing.assert_array_equal(model(x).numpy(), scores)


def _count_calls(model):
    calls = {"aux1": 0, "aux2": 0}

    def note(name):
        def hook(module, inputs, output):
            calls[name] += 1
        return hook

    for name in calls:
        model.get_submodule(name).register_forward_hook(note(name))
    return calls


def test_outputs_are_named_as_torchvisions():
    outputs = googlenet(num_classes=10)(lm.zeros((2, 64, 64, 3)))
    assert isinstance(outputs, GoogLeNetOutputs)
    assert outputs._fields == ("logits", "aux_logits2", "aux_logits1")
    assert {scores.shape for scores in outputs} == {(2, 10)}
    plain = googlenet(num_classes=10, aux_logits=False)(lm.zeros((2, 64, 64, 3)))
    assert isinstance(plain, lm.Tensor) and plain.shape == (2, 10)
    assert googlenet(aux_logits=False).num_parameters() == 6_624_904  # what is published


def test_input_that_was_normalised_as_imagenet():
    image = np.random.default_rng(0).uniform(size=(2, 3, 3, 3)).astype(np.float32)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normal = lm.tensor(((image - mean) / deviation).astype(np.float32))
    np.testing.assert_allclose(from_imagenet(normal).numpy(), 2 * image - 1, atol=1e-6)
    model = googlenet(transform_input=True)
    np.testing.assert_array_equal(model.transform(normal).numpy(), from_imagenet(normal).numpy())
    assert set(model.state_dict()) == set(googlenet().state_dict())
