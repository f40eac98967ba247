"""The tables of messages against those that TensorBoard ships."""

import pytest

from lamina.io.tensorboard import proto
from lamina.io.tensorboard.proto import Message, encode

KINDS = {1: "double", 2: "float", 3: "int", 5: "int", 8: "bool", 9: "string", 12: "bytes",
         14: "enum"}


def theirs():
    from google.protobuf import struct_pb2
    from tensorboard.compat.proto import (
        attr_value_pb2,
        event_pb2,
        graph_pb2,
        node_def_pb2,
        summary_pb2,
        tensor_pb2,
        tensor_shape_pb2,
        versions_pb2,
    )
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    attr, shape = attr_value_pb2.AttrValue, tensor_shape_pb2.TensorShapeProto
    summary, data = summary_pb2.Summary, plugin_data_pb2
    return {
        "EVENT": event_pb2.Event, "SESSION_LOG": event_pb2.SessionLog, "SUMMARY": summary,
        "VALUE": summary.Value, "IMAGE": summary.Image, "HISTOGRAM": summary_pb2.HistogramProto,
        "METADATA": summary_pb2.SummaryMetadata,
        "PLUGIN_DATA": summary_pb2.SummaryMetadata.PluginData,
        "TENSOR": tensor_pb2.TensorProto, "SHAPE": shape, "DIM": shape.Dim,
        "GRAPH": graph_pb2.GraphDef, "NODE": node_def_pb2.NodeDef, "ATTR": attr,
        "ATTR_LIST": attr.ListValue, "ATTR_ENTRY": node_def_pb2.NodeDef.AttrEntry,
        "VERSIONS": versions_pb2.VersionDef, "HPARAMS": data.HParamsPluginData,
        "SESSION_START": data.SessionStartInfo, "SESSION_END": data.SessionEndInfo,
        "SETTING_ENTRY": data.SessionStartInfo.HparamsEntry, "SETTING": struct_pb2.Value,
        "EXPERIMENT": api_pb2.Experiment, "HPARAM_INFO": api_pb2.HParamInfo,
        "METRIC_INFO": api_pb2.MetricInfo, "METRIC_NAME": api_pb2.MetricName,
    }


def test_every_table_is_compared():
    ours = {name for name, value in vars(proto).items() if isinstance(value, Message)}
    assert ours == set(theirs())


def test_numbers_and_kinds_are_theirs():
    for name, message in theirs().items():
        fields = message.DESCRIPTOR.fields_by_name
        for key, (number, kind) in getattr(proto, name).fields.items():
            field = fields[key]
            assert field.number == number, (name, key)
            if isinstance(kind, Message):
                assert field.message_type.name == kind.name, (name, key)
            elif field.message_type is None:
                assert KINDS[field.type] == kind, (name, key)


@pytest.mark.parametrize("step", [0, 1, 127, 128, 300, 2**40, -1, -(2**62)])
def test_whole_numbers(step):
    from tensorboard.compat.proto.event_pb2 import Event

    assert Event.FromString(encode(proto.EVENT, {"step": step})).step == step
