"""The text of a CSV file and what separates its fields.

In: a file's bytes. Out: text without a byte order mark, its encoding known, and the delimiter that
its first records agree on.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator

from lamina.data.sources.reading import read_file, shown
from lamina.errors import ArgumentError, FormatError

DELIMITERS = ",;\t|"
_LARGEST = 1 << 36
_SAMPLE = 1 << 16  # characters that the delimiter is guessed from
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
          (codecs.BOM_UTF16_BE, "utf-16"))
_PACKED = {b"\x1f\x8b": "gzip", b"PK\3\4": "zip", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd",
           b"PAR1": "Parquet"}


def read_text(path: str, encoding: str | None) -> str:
    """The text of a file; encoding None: UTF-8, or what its byte order mark says.

    Raises DataError if it cannot be read; FormatError if it is empty, packed, or not of the
    encoding, with the line of the first wrong byte.
    """
    content = read_file(path, _LARGEST)
    for start, kind in _PACKED.items():
        if content.startswith(start):
            raise FormatError("CSV", operands=[("file", shown(path)), ("found", f"a {kind} file")],
                              rule="the file is plain text",
                              hint="" if kind == "Parquet" else "unpack it first")
    name = encoding or "utf-8"
    for mark, marked in _MARKS:
        if content.startswith(mark) and encoding in (None, "utf-8", "utf-16"):
            name = marked
    try:
        text = content.decode(name)
    except LookupError:
        raise ArgumentError("CSV", operands=[("encoding", repr(encoding))], got=encoding,
                            rule="encoding is one that Python knows") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FormatError(
            "CSV", operands=[("record", f"{shown(path)}, line {line}: byte "
                                        f"0x{content[error.start]:02x} is not {name}")],
            rule=f"the file is {name} text",
            hint='encoding="cp1252"' if encoding is None else "") from None
    if not text.strip():
        raise FormatError("CSV", operands=[("file", shown(path)), ("found", "blank text")],
                          rule="the file is not empty")
    return text


def read_records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line on which it begins, fields) of each record; blank lines are passed over.

    Fields may stand in double quotes, with delimiters, line breaks and doubled quotes inside (RFC
    4180). Raises csv.Error for a quote that does not end, or ends inside a field.
    """
    csv.field_size_limit(max(csv.field_size_limit(), 1 << 30))  # the module's 128 KiB cut texts
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    for fields in reader:
        if fields:
            yield line, fields
        line = reader.line_num + 1


def sniff_delimiter(text: str) -> str:
    """The one of `DELIMITERS` by which the first records have most fields, all as many; or ","."""
    sample = text[:_SAMPLE]
    if len(text) > _SAMPLE:
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    return max(DELIMITERS, key=lambda delimiter: _agreement(sample, delimiter))


def _agreement(sample: str, delimiter: str) -> tuple[bool, int]:
    """Whether all records have as many fields, and how many the first has; one counts as none."""
    counts: list[int] = []
    try:
        for _, fields in read_records(sample, delimiter):
            counts.append(len(fields))
    except csv.Error:
        counts = counts[:-1]  # a quoted field that the sample cuts
    if not counts or counts[0] == 1:
        return False, 0
    return len(set(counts)) == 1, counts[0]
