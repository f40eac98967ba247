"""What the losses refuse, and what they do at the edges of their arguments."""

import numpy as np
import pytest

import lamina as lm
from lamina import functional as F
from lamina import nn
from lamina.errors import ArgumentError, DTypeError, IndexingError, ShapeError

SCORES = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
LABELS = np.array([0, 2, 1, 1])


def t(x):
    return lm.tensor(x)


def lines(caught):
    return str(caught.value).splitlines()[1:]


@pytest.mark.parametrize("loss", [
    lambda labels: F.nll_loss(t(SCORES), labels),
    lambda labels: F.cross_entropy(t(SCORES), labels, label_smoothing=0.1),
    lambda labels: F.cross_entropy(t(SCORES), labels, ignore_index=2),
    lambda labels: F.multi_margin_loss(t(SCORES), labels),
    lambda labels: F.focal_loss(t(SCORES), labels),
])
@pytest.mark.parametrize("label", [-1, 3])
def test_labels_out_of_range(loss, label):
    labels = LABELS.copy()
    labels[3] = label
    with pytest.raises(IndexingError, match=r"0 \.\. 2"):
        loss(t(labels)).item()
    with pytest.raises(IndexingError):
        loss(t(labels) + 0).item()  # not known before the kernel runs


def test_known_labels_are_named_at_the_call():
    with pytest.raises(IndexingError) as caught:
        F.nll_loss(t(SCORES), t([0, 1, 2, 3]))
    assert lines(caught) == ["  target  int64 [4], 0 .. 3",
                             "  rule: every label lies in 0 .. 2: there are 3 classes"]


@pytest.mark.parametrize("loss", [nn.MSELoss, nn.HingeLoss, nn.LogCoshLoss, nn.KLDivLoss,
                                  nn.BCELoss, nn.SoftMarginLoss, nn.PoissonNLLLoss])
def test_no_broadcast(loss):
    with pytest.raises(ShapeError, match=r"try: input\.squeeze\(-1\)"):
        loss()(lm.zeros((4, 1)), lm.zeros((4,)))


@pytest.mark.parametrize(
    "name", [n for n in nn.__all__ if n.endswith("Loss") and n != "Loss"])
def test_unknown_reduction(name):
    with pytest.raises(ArgumentError, match="reduction is one of mean, sum, none"):
        getattr(nn, name)(reduction="average")


def test_batchmean_is_only_for_the_divergence():
    assert nn.KLDivLoss(reduction="batchmean").reduction == "batchmean"
    with pytest.raises(ArgumentError, match="reduction"):
        nn.MSELoss(reduction="batchmean")


@pytest.mark.parametrize("loss", [
    lambda: F.mse_loss(lm.zeros((0, 3)), lm.zeros((0, 3))),
    lambda: F.cross_entropy(lm.zeros((0, 3)), t(np.zeros(0, np.int64))),
    lambda: F.nll_loss(lm.zeros((0, 3)), t(np.zeros(0, np.int64))),
    lambda: F.triplet_margin_loss(lm.zeros((0, 3)), lm.zeros((0, 3)), lm.zeros((0, 3))),
])
def test_the_mean_of_an_empty_batch(loss):
    with pytest.raises(ShapeError, match=r"the batch is empty\n  try: reduction=\"sum\""):
        loss()


def test_the_sum_of_an_empty_batch():
    assert F.mse_loss(lm.zeros((0, 3)), lm.zeros((0, 3)), reduction="sum").item() == 0


def test_probabilities_outside_their_range():
    with pytest.raises(ArgumentError) as caught:
        F.binary_cross_entropy(t([0.5, 1.5]), t([0.0, 1.0]))
    assert lines(caught) == ["  input  float32 [2], 0.5 .. 1.5",
                             "  rule: input holds probabilities, between 0 and 1",
                             "  try: binary_cross_entropy_with_logits, if input is a score"]
    with pytest.raises(ArgumentError, match="target holds"):
        F.binary_cross_entropy(t([0.5, 0.5]), t([0.0, 2.0]))
    assert np.isnan(F.binary_cross_entropy(t([0.5, 1.5]) + 0.0, t([0.0, 1.0])).item())


def test_binary_cross_entropy_is_bounded():
    p = nn.Parameter(np.array([0.0, 1.0, 0.0], np.float32))
    losses = F.binary_cross_entropy(p, t([1.0, 0.0, 0.0]), reduction="none")
    assert losses.tolist() == [100.0, 100.0, 0.0]
    losses.sum().backward()
    assert np.isfinite(p.grad.numpy()).all()


@pytest.mark.parametrize(("loss", "rule"), [
    (lambda x: F.huber_loss(x, x, delta=-1.0), "delta is a number of at least 0"),
    (lambda x: F.quantile_loss(x, x, quantile=1.5), "quantile is a probability"),
    (lambda x: F.focal_loss(x, x, gamma=-1), "gamma is a number of at least 0"),
    (lambda x: F.multi_margin_loss(x, t(LABELS), p=3), "p is 1 or 2"),
    (lambda x: F.info_nce_loss(x, x, temperature=0.0), "temperature is a number above 0"),
    (lambda x: F.gaussian_nll_loss(x, x, x, eps=0.0), "eps is a number above 0"),
    (lambda x: F.triplet_margin_loss(x, x, x, margin=0.0), "margin is a number above 0"),
])
def test_wrong_numbers(loss, rule):
    with pytest.raises(ArgumentError, match=rule):
        loss(t(SCORES))


@pytest.mark.parametrize("loss", [
    lambda w: F.cross_entropy(t(SCORES), t(LABELS), weight=w),
    lambda w: F.nll_loss(t(SCORES), t(LABELS), weight=w),
    lambda w: F.multi_margin_loss(t(SCORES), t(LABELS), weight=w),
    lambda w: F.focal_loss(t(SCORES), t(LABELS), alpha=w),
    lambda w: F.multilabel_soft_margin_loss(t(SCORES), t(SCORES), weight=w),
])
def test_one_weight_for_each_class(loss):
    with pytest.raises(ShapeError, match="one number for each class"):
        loss(lm.ones(4))


def test_a_weight_does_not_broadcast_the_loss():
    with pytest.raises(ShapeError, match="the shape of weight"):
        F.binary_cross_entropy_with_logits(lm.zeros(3), lm.zeros(3), weight=lm.ones((4, 3)))


def test_float_targets_are_not_labels():
    with pytest.raises(DTypeError, match=r"target\.astype"):
        F.multilabel_margin_loss(t(SCORES), t(SCORES))
    with pytest.raises(ShapeError, match="without their last axis"):
        F.cosine_embedding_loss(t(SCORES), t(SCORES), lm.ones((4, 1)))


# ---- CTC -----------------------------------------------------------------------------------------
LOGS = lm.log_softmax(t(np.random.default_rng(1).normal(size=(2, 5, 4)).astype(np.float32)), -1)
TARGETS = np.array([[1, 2], [3, 3]])


def ctc(logs=LOGS, targets=TARGETS, inputs=(5, 5), outputs=(2, 2), **options):
    return F.ctc_loss(logs, t(targets), inputs, outputs, **options)


def test_ctc_sums_over_all_alignments():
    """Against every path of 5 classes, collapsed."""
    p = np.exp(LOGS.numpy().astype(np.float64))
    for row, target in enumerate(TARGETS):
        total = 0.0
        for path in np.ndindex(4, 4, 4, 4, 4):
            heard = [c for i, c in enumerate(path) if c and (i == 0 or path[i - 1] != c)]
            if heard == list(target):
                total += np.prod(p[row, range(5), path])
        got = ctc(reduction="none").numpy()[row]
        np.testing.assert_allclose(got, -np.log(total), rtol=1e-5)


def test_ctc_gradients():
    lm.testing.check_gradients(
        lambda x: F.ctc_loss(lm.log_softmax(x, -1), t(TARGETS), [5, 4], [2, 2]), LOGS, order=1)


def test_ctc_without_an_alignment():
    short = ctc(inputs=(5, 2), reduction="none").numpy()
    assert np.isfinite(short[0]) and short[1] == np.inf  # 3 3 needs a blank between
    assert ctc(inputs=(5, 2), reduction="none", zero_infinity=True).numpy()[1] == 0
    x = nn.Parameter(LOGS.numpy())
    F.ctc_loss(x, t(TARGETS), (5, 2), (2, 2), zero_infinity=True).backward()
    assert np.isfinite(x.grad.numpy()).all()
    assert not x.grad.numpy()[1].any()


def test_ctc_does_not_read_behind_the_lengths():
    padded = ctc(targets=np.array([[1, 99], [3, 3]]), outputs=(1, 2), inputs=(3, 5))
    noise = LOGS.numpy().copy()
    noise[0, 3:] = 7.0
    same = ctc(t(noise), np.array([[1, -1], [3, 3]]), (3, 5), (1, 2))
    assert padded.item() == same.item()


def test_ctc_of_long_inputs_stays_finite():
    logs = lm.log_softmax(lm.zeros((1, 400, 30)), -1)
    assert 0 < F.ctc_loss(logs, lm.ones((1, 3), dtype=lm.int64), [400], [3]).item() < 2000


def test_ctc_of_other_sizes_in_one_compiled_function():
    step = lm.compile(lambda x, labels, inputs, outputs: lm.value_and_grad(
        lambda x: F.ctc_loss(x, labels, inputs, outputs))(x))
    rng = np.random.default_rng(2)
    for batch, time, labels in [(2, 5, 2), (3, 9, 2), (4, 7, 3), (1, 12, 4)]:
        x = lm.log_softmax(t(rng.normal(size=(batch, time, 6)).astype(np.float32)), -1)
        rest = (t(rng.integers(1, 6, (batch, labels))), t(np.full(batch, time)),
                t(rng.integers(0, labels + 1, batch)))
        loss, gradient = step(x, *rest)
        assert loss.item() == pytest.approx(F.ctc_loss(x, *rest).item(), rel=1e-6)
        np.testing.assert_allclose(
            gradient.numpy(), lm.grad(lambda x: F.ctc_loss(x, *rest))(x).numpy(),  # noqa: B023
            rtol=1e-5, atol=1e-7)


def test_ctc_in_other_layouts():
    whole = ctc(reduction="none").numpy()
    turned = ctc(lm.moveaxis(LOGS, 0, 1), batch_first=False, reduction="none").numpy()
    np.testing.assert_array_equal(whole, turned)
    one = F.ctc_loss(LOGS[1], t(TARGETS[1]), 5, 2, reduction="none")
    assert one.shape == ()
    assert one.item() == pytest.approx(float(whole[1]), rel=1e-6)


def test_ctc_names_the_order_of_axes():
    with pytest.raises(ShapeError, match="try: batch_first=False"):
        ctc(lm.moveaxis(LOGS, 0, 1))


@pytest.mark.parametrize(("options", "error", "match"), [
    ({"blank": 4}, ArgumentError, "blank is one of the 4 classes"),
    ({"inputs": (5, 6)}, ArgumentError, r"input_lengths lie in 0 \.\. 5"),
    ({"outputs": (3, 1)}, ArgumentError, r"target_lengths lie in 0 \.\. 2"),
    ({"inputs": (5.0, 5.0)}, DTypeError, r"input_lengths\.astype"),
    ({"targets": np.zeros((2, 2), np.float32)}, DTypeError, r"targets\.astype"),
    ({"inputs": (5,)}, ShapeError, "one input length"),
    ({"targets": np.array([[1, 4], [1, 1]])}, IndexingError, "4"),
])
def test_ctc_refuses(options, error, match):
    with pytest.raises(error, match=match):
        ctc(**options).item()


# ---- layers --------------------------------------------------------------------------------------
def test_a_loss_shows_what_is_not_default():
    assert repr(nn.TripletMarginLoss()) == "TripletMarginLoss()"
    assert "swap True" in repr(nn.TripletMarginLoss(swap=True))
    assert "weight [3]" in repr(nn.CrossEntropyLoss(lm.ones(3), ignore_index=1))


def test_weights_are_buffers():
    loss = nn.CrossEntropyLoss(weight=t([1.0, 2.0, 3.0]))
    assert list(loss.state_dict()) == ["weight"]
    loss.load_state_dict({"weight": np.array([1.0, 1.0, 1.0], np.float32)})
    plain = F.cross_entropy(t(SCORES), t(LABELS)).item()
    assert loss(t(SCORES), t(LABELS)).item() == pytest.approx(plain, rel=1e-6)


def test_unknown_options_are_named():
    with pytest.raises(TypeError, match="wieght"):
        nn.CrossEntropyLoss(wieght=None)


def test_triplets_with_a_distance_of_ones_own():
    loss = nn.TripletMarginWithDistanceLoss(
        distance_function=lambda x, y: lm.abs(x - y).max(axis=-1), margin=0.5)
    a, p, n = (t(SCORES + i) for i in (0.0, 1.0, 3.0))
    assert loss(a, p, n).item() == 0
    assert loss(a, n, p).item() == pytest.approx(2.5)


def test_gradients_of_equal_embeddings_are_finite():
    x = nn.Parameter(SCORES)
    F.contrastive_loss(x, t(SCORES), lm.ones(4)).backward()
    F.triplet_margin_loss(x, t(SCORES), t(SCORES + 1), eps=0.0, margin=9.0).backward()
    assert np.isfinite(x.grad.numpy()).all()
