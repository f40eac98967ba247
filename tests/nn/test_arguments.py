"""Wrong arguments and shapes give the four-part error, most when the layer is made."""

import pytest

import lamina as lm
from lamina import functional as F
from lamina import nn
from lamina.errors import ArgumentError, DTypeError, IndexingError, LaminaError, ShapeError

MADE = [
    (lambda: nn.GroupNorm(3, 8), "num_groups divides num_channels"),
    (lambda: nn.GroupNorm(0, 8), "num_groups is an int of at least 1"),
    (lambda: nn.InstanceNorm2d(-1), "num_features is an int of at least 1"),
    (lambda: nn.RMSNorm(-1), "normalized_shape is an int"),
    (lambda: nn.LocalResponseNorm(0), "size is an int of at least 1"),
    (lambda: nn.MaxPool2d(0), "kernel_size is an int of at least 1"),
    (lambda: nn.AvgPool1d(-2), "kernel_size is an int of at least 1"),
    (lambda: nn.LPPool2d(0, 2), "norm_type is a number above 0"),
    (lambda: nn.MaxPool2d(2, data_format="NHWC"), 'data_format="channels_last"'),
    (lambda: nn.ZeroPad2d((1, 2)), "padding is an int, or 4 of them"),
    (lambda: nn.ReflectionPad1d(1.5), "padding is an int, or 2 of them"),
    (lambda: nn.Upsample(), "size or scale_factor is given, not both"),
    (lambda: nn.Upsample(2, 2.0), "size or scale_factor is given, not both"),
    (lambda: nn.Upsample(2, mode="cubic"), "mode is one of nearest, nearest-exact, linear"),
    (lambda: nn.Upsample(2, align_corners=True), "corners are aligned in the modes linear"),
    (lambda: nn.PixelShuffle(0), "upscale_factor is an int of at least 1"),
    (lambda: nn.PixelUnshuffle(-1), "downscale_factor is an int of at least 1"),
    (lambda: nn.ChannelShuffle(0), "groups is an int of at least 1"),
    (lambda: nn.DepthwiseSeparableConv2d(3, 0, 3), "out_channels is an int of at least 1"),
    (lambda: nn.DepthwiseSeparableConv2d(3, 4, 3, padding="full")(lm.zeros((1, 5, 5, 3))),
     'padding is sizes, "valid"'),
    (lambda: nn.Bilinear(3, 4, 0), "out_features is an int of at least 1"),
    (lambda: nn.Flatten(order="NCHW"), "order is one of channels_last, channels_first"),
    (lambda: nn.Lambda(3), "function can be called"),
    (lambda: nn.EmbeddingBag(5, 3, "median"), "mode is one of sum, mean, max"),
    (lambda: nn.EmbeddingBag(5, 0), "embedding_dim is an int of at least 1"),
    (lambda: nn.EmbeddingBag(5, 3, padding_idx=5), "padding_idx is the number of a row"),
    (lambda: nn.Embedding(5, 3, padding_idx=-6), "padding_idx is the number of a row"),
    (lambda: nn.Embedding(5, 3, max_norm=0.0), "max_norm is a number above 0"),
    (lambda: nn.PReLU(0), "num_parameters is an int of at least 1"),
    (lambda: nn.Hardtanh(1.0, -1.0), "min_val is below max_val"),
    (lambda: nn.Softplus(0.0), "beta is a number above 0"),
    (lambda: nn.GELU("erf"), "approximate is one of none, tanh"),
    (lambda: nn.PairwiseDistance(-1.0), "p is a number above 0"),
    (lambda: F.celu(lm.zeros(2), 0.0), "alpha is not 0"),
    (lambda: F.softshrink(lm.zeros(2), -0.5), "lambd is not negative"),
    (lambda: F.hardtanh(lm.zeros(2), 1.0, -1.0), "min_val is at most max_val"),
    (lambda: F.pad(lm.zeros((2, 3)), (1, 1), "mirror"), "mode is one of constant, reflect"),
    (lambda: F.pad(lm.zeros((2, 3)), (1, 1, 1)), "two integers for each axis"),
    (lambda: F.pad(lm.zeros((2, 3)), (1,) * 6), "two integers for each axis"),
    (lambda: F.interpolate(lm.zeros((1, 4, 4, 1)), scale_factor=0), "a number above 0"),
    (lambda: F.interpolate(lm.zeros((1, 4, 4, 1)), scale_factor=0.1), "no size becomes 0"),
    (lambda: F.interpolate(lm.zeros((1, 4, 4, 1)), (3, 0)), "size is an int of at least 1"),
    (lambda: F.adaptive_avg_pool2d(lm.zeros((1, 4, 4, 1)), 0), "an int of at least 1, or 2"),
    (lambda: F.adaptive_max_pool2d(lm.zeros((1, 4, 4, 1)), (1, 2, 3)), "an int of at least 1"),
    (lambda: F.avg_pool2d(lm.zeros((1, 4, 4, 1)), 2, divisor_override=0), "divisor_override"),
    (lambda: F.max_pool2d(lm.zeros((1, 4, 4, 1)), 2, dilation=0), "dilation is an int"),
    (lambda: F.instance_norm(lm.zeros((1, 4, 1)), use_input_stats=False), "without running"),
    (lambda: nn.EmbeddingBag(5, 3)(lm.tensor([[1]]), None, lm.ones((1, 1))), 'try: mode="sum"'),
]

CALLED = [
    (lambda: nn.GroupNorm(2, 4)(lm.zeros((2, 4, 8, 8))), 'data_format="channels_first"'),
    (lambda: nn.GroupNorm(2, 4)(lm.zeros((2, 8, 8, 5))), "has num_channels"),
    (lambda: F.group_norm(lm.zeros((2, 8, 8, 5)), 2), "num_groups divides the channels"),
    (lambda: nn.InstanceNorm2d(4)(lm.zeros((2, 4, 8, 8))), 'data_format="channels_first"'),
    (lambda: nn.InstanceNorm2d(4)(lm.zeros((2, 8, 4))), "input has 4 axes"),
    (lambda: nn.InstanceNorm2d(4)(lm.zeros((2, 1, 1, 4))), "an example has more than one value"),
    (lambda: nn.RMSNorm(4)(lm.zeros((2, 3))), r"try: RMSNorm\(3\)"),
    (lambda: nn.LocalResponseNorm(3)(lm.zeros((2, 3))), "at least one axis of space"),
    (lambda: nn.MaxPool2d(2)(lm.zeros((4, 4, 1))), "batch, height, width, channels"),
    (lambda: nn.MaxPool2d(3, dilation=3)(lm.zeros((1, 4, 4, 1))), "the window fits"),
    (lambda: nn.LPPool1d(2, 5)(lm.zeros((1, 4, 1))), "the window fits"),
    (lambda: nn.AdaptiveAvgPool2d(2)(lm.zeros((1, 4, 1))), "batch, height, width, channels"),
    (lambda: nn.AdaptiveAvgPool2d(2)(lm.zeros((1, 0, 4, 1))), "no axis of space is empty"),
    (lambda: nn.GlobalAvgPool()(lm.zeros((2, 3))), "at least one axis of space"),
    (lambda: nn.ZeroPad2d(1)(lm.zeros((4, 4, 1))), "batch, height, width, channels"),
    (lambda: nn.ReflectionPad1d(4)(lm.zeros((1, 4, 1))), "narrower than the axis"),
    (lambda: nn.CircularPad1d(5)(lm.zeros((1, 4, 1))), "at most as wide as the axis"),
    (lambda: nn.ReplicationPad1d(1)(lm.zeros((1, 0, 1))), "an edge is there"),
    (lambda: nn.ZeroPad1d(-3)(lm.zeros((1, 4, 1))), "not more is cut off"),
    (lambda: nn.Upsample(4, mode="bilinear")(lm.zeros((1, 4, 1))), 'try: mode="linear"'),
    (lambda: nn.Upsample(4)(lm.zeros((1, 4))), '"nearest" takes 1 or 2 or 3 axes'),
    (lambda: nn.PixelShuffle(2)(lm.zeros((1, 4, 4, 6))), "divides the channels"),
    (lambda: nn.PixelUnshuffle(2)(lm.zeros((1, 4, 5, 6))), "divides height and width"),
    (lambda: nn.ChannelShuffle(4)(lm.zeros((1, 4, 5, 6))), "groups divides the channels"),
    (lambda: nn.Bilinear(3, 4, 2)(lm.zeros((2, 3)), lm.zeros((3, 4))), "alike but for the last"),
    (lambda: nn.Unflatten(1, (2, 3))(lm.zeros((2, 7))), "the product of the sizes is 7"),
    (lambda: nn.Unflatten(2, (2, 3))(lm.zeros((2, 6))), "the axis exists"),
    (lambda: nn.GLU()(lm.zeros((2, 5))), "its size is even"),
    (lambda: nn.PReLU(3)(lm.zeros((2, 5))), "one for each of 5 channels"),
    (lambda: nn.EmbeddingBag(5, 3)(lm.tensor([1, 2])), r"try: input\[None\]"),
    (lambda: nn.EmbeddingBag(5, 3)(lm.tensor([[1, 2]]), lm.tensor([0])), "integer offsets"),
    (lambda: nn.EmbeddingBag(5, 3, "sum")(lm.tensor([[1, 2]]), None, lm.ones(2)), "one factor"),
    (lambda: nn.CosineSimilarity()(lm.zeros((2, 3)), lm.zeros((2, 4))), "their shapes broadcast"),
]

TYPES = [
    (lambda: nn.EmbeddingBag(5, 3)(lm.zeros((1, 2))), r"try: input\.astype\(lm\.int64\)"),
    (lambda: nn.GroupNorm(2, 4)([1.0]), "input is a Tensor"),
    (lambda: nn.GLU()(lm.tensor([1, 2])), "input is a float"),
    (lambda: nn.Bilinear(3, 4, 2)(lm.zeros((2, 3), dtype=lm.float64), lm.zeros((2, 4))),
     "float64 is not mixed"),
]


@pytest.mark.parametrize(("call", "says"), MADE)
def test_arguments(call, says):
    check(call, ArgumentError, says)


@pytest.mark.parametrize(("call", "says"), CALLED)
def test_shapes(call, says):
    check(call, ShapeError, says)


@pytest.mark.parametrize(("call", "says"), TYPES)
def test_dtypes(call, says):
    check(call, DTypeError, says)


@pytest.mark.parametrize("number", [-1, 5])
def test_numbers_that_are_no_row(number):
    says = r"every number is that of a row, 0 \.\. 4"
    check(lambda: nn.Embedding(5, 3)(lm.tensor([0, number])), IndexingError, says)
    check(lambda: nn.EmbeddingBag(5, 3)(lm.tensor([[0, number]])), IndexingError, says)


def check(call, kind: type[LaminaError], says: str) -> None:
    """The error is of that kind, has the place, the operands and a rule, and says so."""
    with pytest.raises(kind, match=says) as caught:
        call()
    error = caught.value
    assert error.rule
    assert error.operands
    assert "test_arguments.py" in str(error).splitlines()[0]


def test_one_error_in_full():
    with pytest.raises(ShapeError) as caught:
        nn.GroupNorm(2, 4)(lm.zeros((2, 4, 8, 8)))
    text = str(caught.value).splitlines()
    assert text[0].startswith("ShapeError in GroupNorm 2 groups of 2: GroupNorm, at")
    assert text[1:] == [
        "  input         float32 [2, 4, 8, 8]",
        "  num_channels  4",
        "  rule: the last axis of the input has num_channels",
        '  try: data_format="channels_first"',
    ]


@pytest.mark.parametrize("offsets", [[1, 2], [0, 2, 1], [0, 5], [0, -1]])
@pytest.mark.parametrize("known", [True, False])
def test_offsets_of_bags_begin_at_0_and_never_fall(offsets, known):
    bags = nn.EmbeddingBag(4, 2, "sum")
    call = bags if known else lm.compile(lambda *inputs: bags(*inputs))
    with pytest.raises(IndexingError, match="offset" if known else "every label lies in"):
        call(lm.tensor([1, 2, 3]), lm.tensor(offsets)).numpy()


def test_no_number_takes_the_place_of_a_module():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    with pytest.raises(ArgumentError, match="in place of a module comes a module"):
        setattr(model, "0", 5)
    assert isinstance(model[0], nn.Linear)
