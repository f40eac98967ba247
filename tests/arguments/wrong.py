"""The tables: what each part is built from, and values that are wrong by an argument's name.

An argument has the same rule in every part; where a part has another, WRONG_IN says so. An argument
for which any value will do (a flag, a function) is in FREE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lamina as lm
from lamina import nn

COUNT = (0, -1, 1.5, "x", None, True)  # at least 1
OPTIONAL_COUNT = (0, -1, 1.5, "x", True)
NATURAL = (-1, 1.5, "x", None)  # at least 0
SIZES = (0, -1, 1.5, "x", (1, 1, 1, 1), (), (1, 0), True)  # of windows: an int, or one an axis
MARGINS = (-1, 1.5, "full", (1, 1, 1, 1), (1, -1))
NUMBER = ("x", None, (1,))
POSITIVE = (0.0, -1.0, "x", None)
NOT_NEGATIVE = (-0.1, "x", None)
SHARE = (-0.1, 1.5, "x", None)  # from 0 to 1
BELOW_ONE = (-0.1, 1.0, "x", None)
WORD = ("x", 3, None)
AXIS = (1.5, "x")
ROW = (7, -8, 1.5)  # of a table of 7
MODULE = (3, "x", None)

WRONG: Mapping[str, Sequence[Any]] = {
    # sizes
    **dict.fromkeys(["in_features", "in_channels", "num_features"], (-1, 1.5, "x")),
    **dict.fromkeys([
        "in1_features", "in2_features", "out_channels", "num_embeddings",
        "embedding_dim", "embed_dim", "num_heads", "input_size", "hidden_size", "num_layers",
        "max_len", "d_model", "nhead", "dim_feedforward", "upscale_factor", "downscale_factor",
        "groups", "num_groups", "num_channels", "num_parameters", "depth_multiplier",
        "num_encoder_layers", "num_decoder_layers",
    ], COUNT),
    "out_features": (-1, 1.5, "x", None),
    **dict.fromkeys(["kdim", "vdim", "num_kv_heads", "divisor_override", "num_classes"],
                    OPTIONAL_COUNT),
    **dict.fromkeys(["kernel_size", "stride", "dilation"], SIZES),
    **dict.fromkeys(["padding", "output_padding"], MARGINS),
    "output_size": (0, -1, 1.5, "x", (1, 1, 1, 1), (1, 0)),
    "normalized_shape": (-1, 1.5, "x", (2, -1)),
    "padding_idx": ROW,
    "proj_size": (-1, 1.5, "x", 6),
    "unflattened_size": (3, (1.5, 2), "xy"),
    # numbers
    **dict.fromkeys(["eps", "layer_norm_eps", "weight_decay", "lambd"], NOT_NEGATIVE),
    **dict.fromkeys(["p", "dropout", "momentum"], SHARE),
    **dict.fromkeys(["alpha", "negative_slope", "value", "threshold", "init", "margin", "lower",
                     "upper", "min_val", "max_val", "k"], NUMBER),
    **dict.fromkeys(["beta", "base", "norm_type", "temperature"], POSITIVE),
    **dict.fromkeys(["dim", "start_dim", "end_dim"], AXIS),
    "max_norm": (0.0, -1.0, "x"),
    # words
    **dict.fromkeys(["data_format", "mode", "nonlinearity", "activation", "approximate",
                     "reduction", "average", "order"], WORD),
    # parts
    **dict.fromkeys(["module", "encoder_layer", "decoder_layer", "function"], MODULE),
    **dict.fromkeys(["projection", "norm", "custom_encoder", "custom_decoder", "rotary"],
                    (3, "x")),
}

# (part or its family, argument) -> what is wrong there
WRONG_IN: Mapping[tuple[str, str], Sequence[Any]] = {
    ("RMSNorm", "eps"): (-0.1, "x"),
    ("LocalResponseNorm", "size"): COUNT,
    ("LocalResponseNorm", "alpha"): NUMBER,
    ("LocalResponseNorm", "beta"): NUMBER,
    ("BatchNorm", "momentum"): (-0.1, 1.5, "x"),
    ("PairwiseDistance", "p"): POSITIVE,
    ("PairwiseDistance", "eps"): NUMBER,
    ("MaxPool", "stride"): (0, -1, 1.5, "x"),
    ("RotaryPositions", "dim"): (*COUNT, 5),
    ("SinusoidalPositions", "dim"): (*COUNT, 5),
    ("LearnedPositions", "dim"): COUNT,
    **{(pad, "padding"): (1.5, "x", (1, 1, 1, 1, 1), (1,)) for pad in (
        "CircularPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "ZeroPad")},
    ("Upsample", "size"): (0, -1, 1.5, "x"),
    ("Upsample", "scale_factor"): (0, -1.0, "x"),
    ("CELU", "alpha"): (*NUMBER, 0.0),
    ("WithAuxiliary", "stages"): MODULE,
    ("WithAuxiliary", "heads"): (3, {"9": nn.Identity()}, {"0": 3}),
    ("MultiheadAttention", "num_heads"): (*COUNT, 3),
    ("TransformerEncoderLayer", "nhead"): (*COUNT, 3),
    ("Residual", "activation"): (3, "x"),
    ("weight_norm", "name"): ("x", 3),
    ("spectral_norm", "name"): ("x", 3),
    ("weight_norm", "dim"): (1.5, "x", 2),
    ("spectral_norm", "dim"): (1.5, "x", 2),
    ("spectral_norm", "n_power_iterations"): NATURAL,
    ("Conv", "groups"): (*COUNT, 4),
    ("GroupNorm", "num_groups"): (*COUNT, 4),
    # losses
    ("CrossEntropyLoss", "label_smoothing"): SHARE,
    ("CTCLoss", "blank"): (-1, 9, 1.5, "x"),
    ("FocalLoss", "gamma"): NOT_NEGATIVE,
    ("FocalLoss", "alpha"): ("x",),
    ("HuberLoss", "delta"): NOT_NEGATIVE,
    ("SmoothL1Loss", "beta"): NOT_NEGATIVE,
    ("DiceLoss", "smooth"): NOT_NEGATIVE,
    ("MultiMarginLoss", "p"): (0, 3, 1.5, "x", None),
    ("QuantileLoss", "quantile"): SHARE,
    ("TripletMarginLoss", "p"): POSITIVE,
    ("TripletMarginWithDistanceLoss", "distance_function"): (3, "x"),
}

FREE = {
    "affine", "track_running_stats", "bias", "ceil_mode", "count_include_pad", "return_indices",
    "include_last_offset", "batch_first", "bidirectional", "keepdims", "keepdim", "norm_first",
    "add_bias_kv", "add_zero_attn", "elementwise_affine", "interleaved", "align_corners",
    "log_input", "full", "log_target", "swap", "zero_infinity", "arguments", "options",
}

# What a part is built from, beside its defaults.
BUILT: Mapping[str, Mapping[str, Any]] = {
    "AdaptiveAvgPool": {"output_size": 2},
    "AdaptiveMaxPool": {"output_size": 2},
    "AvgPool": {"kernel_size": 2},
    "BatchNorm": {"num_features": 6},
    "Bilinear": {"in1_features": 3, "in2_features": 4, "out_features": 5},
    "ChannelShuffle": {"groups": 2},
    "CircularPad": {"padding": 1},
    "ConstantPad": {"padding": 1, "value": 0.0},
    "Conv": {"in_channels": 6, "out_channels": 6, "kernel_size": 3},
    "ConvTranspose": {"in_channels": 6, "out_channels": 6, "kernel_size": 3},
    "DepthwiseSeparableConv": {"in_channels": 6, "out_channels": 6, "kernel_size": 3},
    "Embedding": {"num_embeddings": 7, "embedding_dim": 3},
    "EmbeddingBag": {"num_embeddings": 7, "embedding_dim": 3},
    "GRU": {"input_size": 4, "hidden_size": 6},
    "GRUCell": {"input_size": 4, "hidden_size": 6},
    "GroupNorm": {"num_groups": 2, "num_channels": 6},
    "InstanceNorm": {"num_features": 6},
    "LPPool": {"norm_type": 2.0, "kernel_size": 2},
    "LSTM": {"input_size": 4, "hidden_size": 6},
    "LSTMCell": {"input_size": 4, "hidden_size": 6},
    "Lambda": {"function": abs},
    "LayerNorm": {"normalized_shape": 6},
    "LearnedPositions": {"max_len": 9, "dim": 6},
    "Linear": {"in_features": 4, "out_features": 6},
    "LocalResponseNorm": {"size": 3},
    "MaxPool": {"kernel_size": 2},
    "MaxUnpool": {"kernel_size": 2},
    "MultiheadAttention": {"embed_dim": 8, "num_heads": 2},
    "PixelShuffle": {"upscale_factor": 2},
    "PixelUnshuffle": {"downscale_factor": 2},
    "RMSNorm": {"normalized_shape": 6},
    "RNN": {"input_size": 4, "hidden_size": 6},
    "RNNCell": {"input_size": 4, "hidden_size": 6},
    "ReflectionPad": {"padding": 1},
    "ReplicationPad": {"padding": 1},
    "Residual": {"module": nn.Identity()},
    "RotaryPositions": {"dim": 6},
    "SinusoidalPositions": {"dim": 6},
    "StochasticDepth": {"p": 0.5},
    "DropPath": {"p": 0.5},
    "Threshold": {"threshold": 0.0, "value": 0.0},
    "Transformer": {"d_model": 8, "nhead": 2, "num_encoder_layers": 1, "num_decoder_layers": 1,
                    "dim_feedforward": 8},
    "TransformerDecoder": {"decoder_layer": nn.TransformerDecoderLayer(8, 2, 8), "num_layers": 1},
    "TransformerDecoderLayer": {"d_model": 8, "nhead": 2, "dim_feedforward": 8},
    "TransformerEncoder": {"encoder_layer": nn.TransformerEncoderLayer(8, 2, 8), "num_layers": 1},
    "TransformerEncoderLayer": {"d_model": 8, "nhead": 2, "dim_feedforward": 8},
    "Unflatten": {"dim": 1, "unflattened_size": (2, 3)},
    "Upsample": {"scale_factor": 2},
    "WithAuxiliary": {"stages": nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 3)),
                      "heads": {"0": nn.Linear(4, 3)}},
    "ZeroPad": {"padding": 1},
    "spectral_norm": {"module": nn.Linear(4, 3)},
    "weight_norm": {"module": nn.Linear(4, 3)},
}

# ---- optimizers, schedules, metrics --------------------------------------------------------------
OPTIMIZER_WRONG: Mapping[str, Sequence[Any]] = {
    "params": (3, "x", (), [3], [lm.tensor([1, 2])]),
    "lr": (-0.1, "fast", float("nan"), None),
    "betas": ((-0.1, 0.9), (0.9, 1.0), (0.9,), 0.9, None),
    **dict.fromkeys(["rho", "alpha", "decay"], BELOW_ONE),
    **dict.fromkeys(["eps", "weight_decay", "momentum", "dampening", "lr_decay", "lambd", "t0",
                     "initial_accumulator_value", "trust_coefficient", "momentum_decay", "d",
                     "tolerance_grad", "tolerance_change", "max_size"], (-0.1, "x")),
    **dict.fromkeys(["max_iter", "history_size", "ns_steps", "update_every"], (0, -1, 1.5, "x")),
    "max_eval": (0, -1, 1.5, "x"),
    "line_search_fn": ("armijo", 3),
    "adjust_lr_fn": ("x", 3),
    "ns_coefficients": ((1.0, 2.0), 3, "abc"),
    "beta2_decay": (0.5, "x", None),
    "etas": ((1.5, 1.2), (0.5, 0.9), (0.5,), 3),
    "step_sizes": ((1.0, 0.1), (-1.0, 1.0), (1.0,), 3),
    **dict.fromkeys(["optimizer"], (3, "x")),
    "mode": WORD,
    "factor": (-0.1, 1.0, "x"),
    **dict.fromkeys(["patience", "cooldown"], NATURAL),
    "threshold": (-0.1, "x"),
    "threshold_mode": WORD,
    "min_lr": (-0.1, "x"),
    "clipping": (0.0, -1.0, "x"),
    "max_norm": (-1.0, "x"),
    "norm_type": (0.0, -1.0, "x"),
    "clip_value": (-1.0, "x"),
    **dict.fromkeys(["step", "eta", "gamma"], (-0.1, "x")),
}
OPTIMIZER_WRONG_IN: Mapping[tuple[str, str], Sequence[Any]] = {
    ("ASGD", "alpha"): (-0.1, "x"),
    ("Adafactor", "eps"): ((-0.1, 1e-3), (None, -1.0), 3),
    ("clip_grad_adaptive_", "eps"): (0.0, -1.0, "x"),
    ("layer_rates", "decay"): (0.0, -0.1, 1.5, "x", None),
}
OPTIMIZER_FREE = {"maximize", "amsgrad", "nesterov", "centered", "decoupled_weight_decay", "warmup",
                  "error_if_nonfinite", "exclude", "model", "parameters", "defaults", "loss_of",
                  "parts", "batch"}
OPTIMIZER_SKIPPED = {"Optimizer": "its subclasses are tested", "accumulate": "test_accumulation.py"}

SCHEDULE_WRONG: Mapping[str, Sequence[Any]] = {
    **dict.fromkeys(["lr", "final", "start", "base_lr", "max_lr"], (-0.1, "x", None)),
    **dict.fromkeys(["steps", "step_size", "warmup_steps", "step_size_up"], (0, -1, "x", None)),
    "step_size_down": (0, -1, "x"),
    "factor": (0, -1, 1.5, "x"),
    "gamma": (-0.1, "x", None),
    "power": (0, -1.0, "x", None),
    "milestones": ([3, 1], [-1, 3], "x", 3),
    "mode": WORD,
    "pct_start": SHARE,
    **dict.fromkeys(["div_factor", "final_div_factor"], POSITIVE),
    "schedule": ("x", None),
    "schedules": (3, ["x", "x"]),
}
SCHEDULE_BUILT: Mapping[str, Any] = {
    "lr": 0.1, "step_size": 10, "milestones": [5], "gamma": 0.5, "steps": 10, "schedule": 0.1,
    "base_lr": 0.1, "max_lr": 0.2, "schedules": [0.1, 0.2],
}

METRIC_WRONG: Mapping[str, Sequence[Any]] = {
    "num_classes": (0, -1, 1.5, "x"),
    "threshold": ("x", None),
    "ignore_index": (1.5, "x"),
    "average": WORD,
    "zero_division": ("x", None),
    "beta": (-1.0, "x", None),
    "max_n": (0, -1, 1.5, "x"),
    "weights": ("x", 3),
    "normalize": ("x", 3),
    "k": (0, -1, 1.5, "x"),
    "iou_thresholds": ((1.5,), (), "x", 3),
    "max_detections": (0, -1, 1.5, "x"),
}
METRIC_FREE = {"smooth", "from_logits", "options"}

