"""SummaryWriter, read back by TensorBoard's own readers."""

import itertools
import struct
import warnings
import zlib

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DataError, ShapeError
from lamina.io.tensorboard import SummaryWriter

RNG = np.random.default_rng(0)


def events(folder):
    """Every event of the folder's files, in order."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    found = []
    for path in sorted(folder.glob("events*")):
        found += LegacyEventFileLoader(str(path)).Load()
    return found


def values(folder):
    return [(event.step, value) for event in events(folder) for value in event.summary.value]


def accumulated(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        found = EventAccumulator(str(folder), size_guidance={
            "scalars": 0, "histograms": 0, "images": 0, "tensors": 0})
        found.Reload()
    return found


def test_nothing_is_there_before_the_first_record(tmp_path):
    with SummaryWriter(tmp_path / "logs"):
        pass
    assert not (tmp_path / "logs").exists()


def test_scalars(tmp_path):
    numbers = [0.1, 1e-40, -3.5, float("inf"), float("nan"), 1e300, 7, True]
    with SummaryWriter(tmp_path) as writer:
        for step, number in enumerate(numbers):
            writer.add_scalar("loss/train", number, step * 10, walltime=1000.25 + step)
        writer.add_scalar("a tensor", lm.tensor(2.5))
        writer.add_scalar("an array", np.array([0.25], np.float64), -1)
    found = accumulated(tmp_path)
    curve = found.Scalars("loss/train")
    assert [point.step for point in curve] == [0, 10, 20, 30, 40, 50, 60, 70]
    assert [point.wall_time for point in curve] == [1000.25 + i for i in range(8)]
    with np.errstate(over="ignore"):
        expected = np.array(numbers).astype(np.float32)
    np.testing.assert_array_equal([point.value for point in curve], expected)
    assert found.Scalars("a tensor")[0].value == 2.5
    assert found.Scalars("an array")[0].step == -1
    assert events(tmp_path)[0].file_version == "brain.Event:2"


def test_scalars_in_the_form_of_tensors(tmp_path):
    from tensorboard.util.tensor_util import make_ndarray

    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", 0.125, 3, new_style=True)
    (step, value), = values(tmp_path)
    assert (step, value.tag, value.metadata.plugin_data.plugin_name) == (3, "loss", "scalars")
    assert make_ndarray(value.tensor) == np.float32(0.125)


def test_several_curves_in_one_picture(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalars("loss", {"train": 1.0, "valid": 2.0}, 5)
    assert accumulated(tmp_path / "loss_train").Scalars("loss")[0].value == 1.0
    assert accumulated(tmp_path / "loss_valid").Scalars("loss")[0].value == 2.0


@pytest.mark.parametrize("bins", ["tensorflow", 7])
@pytest.mark.parametrize("spread", [1.0, 1e-14, 0.0])
def test_histograms(tmp_path, bins, spread):
    array = (RNG.normal(size=(30, 40)) * spread).astype(np.float32)
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("w", array, 4, bins)
        writer.add_histogram("t", lm.tensor(array), 4, bins)
    found = accumulated(tmp_path)
    event, = found.Histograms("w")
    histogram, wide = event.histogram_value, array.astype(np.float64)
    assert (event.step, histogram.num) == (4, 1200)
    assert (histogram.min, histogram.max) == (wide.min(), wide.max())
    assert histogram.sum == pytest.approx(wide.sum(), rel=1e-12, abs=1e-12)
    assert histogram.sum_squares == pytest.approx((wide**2).sum(), rel=1e-12)
    limits = np.array(histogram.bucket_limit)
    assert histogram.bucket[0] == 0 and histogram.bucket[-1] > 0
    assert (np.diff(limits) > 0).all() and limits[-1] >= wide.max()
    counts = [((wide >= low) & (wide < high)).sum()
              for low, high in itertools.pairwise(limits)]
    counts[-1] += (wide == limits[-1]).sum()
    assert list(histogram.bucket[1:]) == counts
    assert found.Histograms("t")[0].histogram_value == histogram


def test_a_histogram_leaves_out_what_is_not_finite(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("w", [1.0, float("nan"), float("inf"), 2.0])
        with pytest.raises(ArgumentError, match="at least one finite value"):
            writer.add_histogram("w", [float("nan")])
    histogram = accumulated(tmp_path).Histograms("w")[0].histogram_value
    assert (histogram.num, histogram.sum) == (2, 3)


def pixels_of(png):
    """The pixels of an image, by Pillow."""
    import io

    from PIL import Image

    return np.array(Image.open(io.BytesIO(png)))


def test_images(tmp_path):
    colours = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    grey = RNG.integers(0, 256, (4, 6), dtype=np.uint8)
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("colours", colours, 1)
        writer.add_image("first", colours.transpose(2, 0, 1), 1, dataformats="CHW")
        writer.add_image("floats", lm.tensor(colours / np.float32(255)), 1)
        writer.add_image("grey", grey, 1, dataformats="HW")
        writer.add_images("batch", np.stack([colours] * 10), 1)
        writer.add_images("batch first", np.stack([colours] * 10).transpose(0, 3, 1, 2), 1,
                          dataformats="NCHW")
    found = accumulated(tmp_path)
    for tag in ("colours", "first", "floats"):
        event, = found.Images(tag)
        assert (event.step, event.width, event.height) == (1, 7, 5)
        np.testing.assert_array_equal(pixels_of(event.encoded_image_string), colours)
    np.testing.assert_array_equal(pixels_of(found.Images("grey")[0].encoded_image_string), grey)
    sheets = [pixels_of(found.Images(tag)[0].encoded_image_string)
              for tag in ("batch", "batch first")]
    np.testing.assert_array_equal(*sheets)
    assert sheets[0].shape == (11, 63, 3)
    np.testing.assert_array_equal(sheets[0][6:, 8:15], colours)


def test_text(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_text("notes", "**größer** | 日本", 2)
    event, = accumulated(tmp_path).Tensors("notes")
    assert event.step == 2
    assert event.tensor_proto.string_val[0].decode() == "**größer** | 日本"


class Twice(lm.nn.Module):
    """A layer that is called twice, and one that is not in a list."""

    def __init__(self):
        self.body = lm.nn.Sequential(lm.nn.Linear(4, 4), lm.nn.ReLU())
        self.head = lm.nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.body(self.body(x) + 1.0)).softmax(-1)


def test_the_graph_of_a_model(tmp_path):
    model = Twice()
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(model, (3, 4))
    with SummaryWriter(tmp_path / "again") as writer:
        writer.add_graph(model, lm.zeros((3, 4)))
    graph = accumulated(tmp_path).Graph()
    assert accumulated(tmp_path / "again").Graph() == graph
    nodes = {node.name: node for node in graph.node}
    assert {"input_0", "output_0", "head/weight", "body/0/bias", "body/0/weight"} <= set(nodes)
    assert nodes["head/weight"].op == "Parameter"
    assert all(name in nodes for node in nodes.values() for name in node.input)
    reached, waiting = set(), ["output_0"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += nodes[name].input
    assert reached == set(nodes)
    relus = [name for name, node in nodes.items() if node.op == "relu"]
    assert sorted(relus) == ["body/1/relu", "body/1/relu_1"]
    shape = nodes["output_0"].attr["_output_shapes"].list.shape[0]
    assert [dim.size for dim in shape.dim] == [3, 2]
    assert model.training and model.head.training


def test_hyper_parameters(tmp_path):
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams({"lr": 0.5, "nesterov": True, "name": "sgd"}, {"best": 0.75})
    content = {value.tag: HParamsPluginData.FromString(value.metadata.plugin_data.content)
               for _, value in values(tmp_path) if value.tag.startswith("_hparams_")}
    start = content["_hparams_/session_start_info"].session_start_info.hparams
    assert start["lr"].number_value == 0.5 and start["nesterov"].bool_value
    assert start["name"].string_value == "sgd"
    infos = content["_hparams_/experiment"].experiment
    assert [info.name for info in infos.hparam_infos] == ["lr", "nesterov", "name"]
    assert [info.name.tag for info in infos.metric_infos] == ["best"]
    assert content["_hparams_/session_end_info"].session_end_info.status == 1
    assert accumulated(tmp_path).Scalars("best")[0].value == 0.75


def test_going_on_from_a_step_supersedes_what_was_after_it(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for step in range(6):
            writer.add_scalar("loss", 10.0 + step, step)
    with SummaryWriter(tmp_path, purge_step=3) as writer:
        for step in range(3, 6):
            writer.add_scalar("loss", 20.0 + step, step)
    curve = accumulated(tmp_path).Scalars("loss")
    assert [(p.step, p.value) for p in curve] == [
        (0, 10), (1, 11), (2, 12), (3, 23), (4, 24), (5, 25)]


@pytest.mark.parametrize("cut", [1, 4, 11, 20])
def test_a_torn_last_record_loses_only_itself(tmp_path, cut):
    with SummaryWriter(tmp_path) as writer:
        for step in range(3):
            writer.add_scalar("loss", step, step)
    path, = tmp_path.glob("events*")
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    assert [p.step for p in accumulated(tmp_path).Scalars("loss")] == [0, 1]
    with SummaryWriter(tmp_path, purge_step=1) as writer:
        writer.add_scalar("loss", 7.0, 1)
    assert [p.value for p in accumulated(tmp_path).Scalars("loss")] == [0, 7]


def test_a_changed_byte_is_found(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", 1.0)
        writer.add_scalar("loss", 2.0)
    path, = tmp_path.glob("events*")
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))
    assert len(accumulated(tmp_path).Scalars("loss")) == 1


def test_records_wait_until_there_are_enough(tmp_path):
    writer = SummaryWriter(tmp_path, max_queue=4)
    writer.add_scalar("loss", 0.0)
    writer.add_scalar("loss", 1.0)
    assert not list(tmp_path.iterdir())
    writer.add_scalar("loss", 2.0)  # the fourth, with the version
    assert len(values(tmp_path)) == 3
    writer.add_scalar("loss", 3.0)
    assert len(values(tmp_path)) == 3
    writer.flush()
    assert len(values(tmp_path)) == 4


def test_what_a_full_disk_took_is_cut_off_again_and_kept(tmp_path, monkeypatch):
    import os

    writer = SummaryWriter(tmp_path)
    writer.add_scalar("loss", 0.0, 0)
    writer.flush()
    writer.add_scalar("loss", 1.0, 1)
    write, calls = os.write, []

    def full(descriptor, content):
        calls.append(len(content))
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(descriptor, content[:10])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DataError, match="No space left"):
        writer.flush()
    monkeypatch.undo()
    assert [step for step, _ in values(tmp_path)] == [0]
    writer.close()
    assert [step for step, _ in values(tmp_path)] == [0, 1]


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda w: w.add_scalar("a", [1.0, 2.0]), ArgumentError, "a scalar is one number"),
    (lambda w: w.add_scalar("a", "text"), ArgumentError, "a scalar is one number"),
    (lambda w: w.add_scalar("", 1.0), ArgumentError, "a tag is a string"),
    (lambda w: w.add_histogram("a", [1.0], bins=0), ArgumentError, "a number of buckets"),
    (lambda w: w.add_image("a", np.zeros((2, 2, 2))), ShapeError, "1 or 3 channels"),
    (lambda w: w.add_image("a", np.zeros((2, 2))), ShapeError, "has 3 axes"),
    (lambda w: w.add_image("a", np.zeros((2, 2)), dataformats="WH"), ArgumentError, "one of HW"),
])
def test_wrong_calls(tmp_path, call, error, words):
    with SummaryWriter(tmp_path) as writer, pytest.raises(error, match=words):
        call(writer)
    assert not list(tmp_path.iterdir())


def test_the_frame_of_a_record():
    from lamina.io.tensorboard.records import framed

    record = framed(b"abc")
    assert struct.unpack("<Q", record[:8]) == (3,) and record[12:15] == b"abc"
    assert len(record) == 19 and zlib.crc32(record[12:15]) != struct.unpack("<I", record[15:])[0]
