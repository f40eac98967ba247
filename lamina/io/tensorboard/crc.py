"""CRC-32C, the checksum of TensorBoard's records, fast enough for images.

In: bytes. Out: the checksum. The Castagnoli polynomial 0x1EDC6F41, reflected, as in RFC 3720,
appendix B.4. Short inputs go byte by byte through a table. A long one is cut into lanes, whose
checksums are computed side by side in NumPy, two table look-ups for four bytes, and then joined: a
checksum is linear, so that of "ab" is that of "a", moved on by the length of "b", plus that of "b".
"""

from __future__ import annotations

from functools import cache

import numpy as np

_REFLECTED = 0x82F63B78
_SHORT = 1024  # bytes up to which Python's own loop is quicker
_MASK_DELTA = 0xA282EAD8


def crc32c(data: bytes) -> int:
    """The checksum of `data`.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    if len(data) > _SHORT:
        return _of_lanes(data)
    table, crc = _byte_table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """The checksum as records store it: turned and shifted, since data may hold checksums."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


@cache
def _byte_table() -> tuple[int, ...]:
    """What eight zero bits make of each byte."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (_REFLECTED if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


@cache
def _word_tables() -> tuple[np.ndarray, np.ndarray]:
    """What 32 zero bits make of the lower and of the upper half of a word, uint32 `[65536]`."""
    steps = [np.array(_byte_table(), np.uint32)]
    for _ in range(3):
        last = steps[-1]
        steps.append((last >> 8) ^ steps[0][last & 255])
    half = np.arange(1 << 16, dtype=np.uint32)
    low = steps[3][half & 255] ^ steps[2][half >> 8]
    return low, steps[1][half & 255] ^ steps[0][half >> 8]


def _next_word(state: np.ndarray) -> np.ndarray:
    low, high = _word_tables()
    moved: np.ndarray = low[state & 0xFFFF] ^ high[state >> 16]
    return moved


def _of_lanes(data: bytes) -> int:
    lanes = 1 << max(3, (len(data).bit_length() + 1) // 2)
    words = -(-len(data) // (4 * lanes))
    padded = np.zeros(4 * lanes * words, np.uint8)  # zeros in front change nothing
    start = padded.size - len(data)
    padded[start:] = np.frombuffer(data, np.uint8)
    padded[start:start + 4] ^= 255  # the checksum starts at all ones, not at zero
    columns = np.ascontiguousarray(padded.view("<u4").reshape(lanes, words).T)
    state = np.zeros(lanes, np.uint32)
    for column in columns:
        state = _next_word(state ^ column)
    return int(_joined(state, words)) ^ 0xFFFFFFFF


def _joined(state: np.ndarray, words: int) -> np.uint32:
    """One checksum from those of neighbouring lanes of so many words each, two by two."""
    step = _power(_next_word(_BASIS), words)
    while len(state) > 1:
        state = _applied(step, state[0::2]) ^ state[1::2]
        step = _applied(step, step)
    last: np.uint32 = state[0]
    return last


_BASIS = np.uint32(1) << np.arange(32, dtype=np.uint32)


def _applied(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """A 32x32 matrix over bits, given by its columns, times each of the vectors."""
    bits = (vectors[:, None] & _BASIS) != 0
    product: np.ndarray = np.bitwise_xor.reduce(np.where(bits, matrix, np.uint32(0)), axis=1)
    return product


def _power(matrix: np.ndarray, exponent: int) -> np.ndarray:
    result = _BASIS
    while exponent:
        if exponent & 1:
            result = _applied(matrix, result)
        matrix = _applied(matrix, matrix)
        exponent >>= 1
    return result
