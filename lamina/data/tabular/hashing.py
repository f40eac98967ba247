"""The hash of tables: 64-bit FNV-1a over UTF-8, the same on every machine and in every version.

In: texts. Out: one uint64 for each. The formula and its two constants are those of Fowler, Noll and
Vo (http://www.isthe.com/chongo/tech/comp/fnv, "FNV-1a", 64 bits); all texts go through it side by
side, one byte of each at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

OFFSET = np.uint64(0xCBF29CE484222325)
PRIME = np.uint64(0x00000100000001B3)


def hash_texts(texts: Sequence[str]) -> np.ndarray:
    """FNV-1a of each text, uint64 `[n]`.

    >>> [hex(value) for value in hash_texts(["", "a", "foobar"]).tolist()]
    ['0xcbf29ce484222325', '0xaf63dc4c8601ec8c', '0x85944171f73967e8']
    """
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    sizes = np.fromiter(map(len, parts), np.int64, len(parts))
    content = np.frombuffer(b"".join(parts), np.uint8)
    return hash_spans(content, np.cumsum(sizes) - sizes, sizes)


def hash_spans(content: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """FNV-1a of `content[start : start + size]` for each span; content: uint8."""
    order = np.argsort(-sizes, kind="stable")  # so that those that still have bytes come first
    starts, sizes = starts[order], sizes[order]
    hashes = np.full(len(starts), OFFSET)
    shorter = -sizes
    for position in range(int(sizes[0]) if len(sizes) else 0):
        alive = int(np.searchsorted(shorter, -position, side="left"))
        part = hashes[:alive]
        part ^= content[starts[:alive] + position]
        part *= PRIME
    result = np.empty_like(hashes)
    result[order] = hashes
    return result


def count_words(texts: Sequence[str | None], buckets: int) -> tuple[np.ndarray, ...]:
    """Words of all texts: (number of the text, bucket) of each word, both int64.

    A word is a run of letters, digits and underscores; all beyond ASCII counts as letters. Letters
    are made lower case. The bucket is the hash modulo `buckets`.

    >>> rows, found = count_words(["red, Red wine", None, "blue"], 1 << 20)
    >>> rows.tolist(), found[0] == found[1]
    ([0, 0, 0, 2], np.True_)
    """
    joined = "\n".join(["" if text is None else text for text in texts])
    if joined.count("\n") != max(len(texts) - 1, 0):
        joined = "\n".join([(text or "").replace("\n", " ") for text in texts])
    content = np.frombuffer(joined.lower().encode("utf-8", "surrogatepass"), np.uint8)
    inside = np.concatenate([[False], _LETTER[content], [False]])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[0::2], edges[1::2]
    breaks = np.flatnonzero(content == 0x0A)
    hashes = hash_spans(content, starts, ends - starts)
    return np.searchsorted(breaks, starts), (hashes % np.uint64(buckets)).astype(np.int64)


_LETTER = np.zeros(256, bool)
for _first, _last in ("09", "AZ", "az", "__", "\x80\xff"):
    _LETTER[ord(_first) : ord(_last) + 1] = True
