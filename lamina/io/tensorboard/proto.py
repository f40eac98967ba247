"""Messages of TensorBoard in the wire format of protocol buffers, from tables of their fields.

In: a table and values by name. Out: bytes. A table has the number and kind of each field that is
written, as TensorBoard's .proto files give them (event, summary, tensor, graph, node_def,
attr_value, hparams/plugin_data); the wire format is that of the guide "Encoding" of protobuf.dev.
A list is a repeated field; numbers are packed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIRE = {"int": _VARINT, "bool": _VARINT, "enum": _VARINT, "double": _FIXED64, "float": _FIXED32}


@dataclass(frozen=True, eq=False)
class Message:
    """The fields of a message: name -> (number, kind).

    kind: "int", "bool", "enum", "double", "float", "bytes", "string" or another Message.
    """

    name: str
    fields: dict[str, tuple[int, Any]] = field(repr=False)


def encode(message: Message, values: Mapping[str, Any]) -> bytes:
    """The bytes of a message; what is None is left out.

    >>> encode(EVENT, {"step": 300, "file_version": "brain.Event:2"})[:3].hex()
    '10ac02'
    """
    parts = []
    for name, value in values.items():
        number, kind = message.fields[name]
        if isinstance(value, list) and kind in _WIRE:
            parts.append(_delimited(number, _packed(kind, value)))
        elif isinstance(value, list):
            parts += [_field(number, kind, item) for item in value]
        elif value is not None:
            parts.append(_field(number, kind, value))
    return b"".join(parts)


def _field(number: int, kind: Any, value: Any) -> bytes:
    if kind in _WIRE:
        return _varint(number << 3 | _WIRE[kind]) + _number(kind, value)
    if isinstance(kind, Message):
        value = encode(kind, value)
    return _delimited(number, value.encode() if kind == "string" else value)


def _delimited(number: int, content: bytes) -> bytes:
    return b"".join((_varint(number << 3 | _BYTES), _varint(len(content)), content))


def _packed(kind: str, values: list[Any]) -> bytes:
    return b"".join(_number(kind, value) for value in values)


def _number(kind: str, value: Any) -> bytes:
    if kind == "double":
        return struct.pack("<d", value)
    if kind == "float":
        return struct.pack("<f", value)
    return _varint(int(value))


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; negative numbers as 64 bits."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def map_of(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A map field: entries of key and value."""
    return [{"key": key, "value": value} for key, value in values.items()]


# ---- the tables ----------------------------------------------------------------------------------
PLUGIN_DATA = Message("PluginData", {"plugin_name": (1, "string"), "content": (2, "bytes")})

METADATA = Message("SummaryMetadata", {
    "plugin_data": (1, PLUGIN_DATA), "display_name": (2, "string"),
    "summary_description": (3, "string"), "data_class": (4, "enum")})

IMAGE = Message("Image", {
    "height": (1, "int"), "width": (2, "int"), "colorspace": (3, "int"),
    "encoded_image_string": (4, "bytes")})

HISTOGRAM = Message("HistogramProto", {
    "min": (1, "double"), "max": (2, "double"), "num": (3, "double"), "sum": (4, "double"),
    "sum_squares": (5, "double"), "bucket_limit": (6, "double"), "bucket": (7, "double")})

DIM = Message("Dim", {"size": (1, "int"), "name": (2, "string")})
SHAPE = Message("TensorShapeProto", {"dim": (2, DIM)})

TENSOR = Message("TensorProto", {
    "dtype": (1, "enum"), "tensor_shape": (2, SHAPE), "float_val": (5, "float"),
    "string_val": (8, "bytes")})

VALUE = Message("Value", {
    "tag": (1, "string"), "simple_value": (2, "float"), "image": (4, IMAGE),
    "histo": (5, HISTOGRAM), "tensor": (8, TENSOR), "metadata": (9, METADATA)})

SUMMARY = Message("Summary", {"value": (1, VALUE)})
SESSION_LOG = Message("SessionLog", {"status": (1, "enum")})

EVENT = Message("Event", {
    "wall_time": (1, "double"), "step": (2, "int"), "file_version": (3, "string"),
    "graph_def": (4, "bytes"), "summary": (5, SUMMARY), "session_log": (7, SESSION_LOG)})

ATTR_LIST = Message("ListValue", {"shape": (7, SHAPE)})
ATTR = Message("AttrValue", {
    "list": (1, ATTR_LIST), "s": (2, "bytes"), "i": (3, "int"), "type": (6, "enum"),
    "shape": (7, SHAPE)})
ATTR_ENTRY = Message("AttrEntry", {"key": (1, "string"), "value": (2, ATTR)})

NODE = Message("NodeDef", {
    "name": (1, "string"), "op": (2, "string"), "input": (3, "string"), "device": (4, "string"),
    "attr": (5, ATTR_ENTRY)})

VERSIONS = Message("VersionDef", {"producer": (1, "int")})
GRAPH = Message("GraphDef", {"node": (1, NODE), "versions": (4, VERSIONS)})

# google.protobuf.Value, and the data of the hparams plugin
SETTING = Message("Value", {"number_value": (2, "double"), "string_value": (3, "string"),
                            "bool_value": (4, "bool")})
SETTING_ENTRY = Message("HparamsEntry", {"key": (1, "string"), "value": (2, SETTING)})
HPARAM_INFO = Message("HParamInfo", {"name": (1, "string"), "type": (4, "enum")})
METRIC_NAME = Message("MetricName", {"tag": (2, "string")})
METRIC_INFO = Message("MetricInfo", {"name": (1, METRIC_NAME)})
EXPERIMENT = Message("Experiment", {
    "time_created_secs": (3, "double"), "hparam_infos": (4, HPARAM_INFO),
    "metric_infos": (5, METRIC_INFO)})
SESSION_START = Message("SessionStartInfo", {
    "hparams": (1, SETTING_ENTRY), "start_time_secs": (5, "double")})
SESSION_END = Message("SessionEndInfo", {"status": (1, "enum"), "end_time_secs": (2, "double")})
HPARAMS = Message("HParamsPluginData", {
    "version": (1, "int"), "experiment": (2, EXPERIMENT), "session_start_info": (3, SESSION_START),
    "session_end_info": (4, SESSION_END)})
