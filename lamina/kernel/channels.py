"""A vector of output channels of narrow groups, and the columns of an image that windows meet.

In: a builder, the channels of a group, how many channels are left. Out: masks, loads of the image,
and its channels beside the output channels that they belong to (`schedule.grouped`).
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.kernel.builder import Builder
from lamina.kernel.loops import Buffer, Value
from lamina.schedule.grouped import Window


class Channels:
    """What is read and written for `lanes` output channels, of which `left` are there, or all.

    each: channels of a group, in and out. needed: elements of the image; wide: lanes of a load of
    them. mask: of the output channels, reads: of a load; None where all lanes are on.
    """

    def __init__(self, b: Builder, each: tuple[int, int], lanes: int, left: Value | None) -> None:
        self.b, self.each, self.lanes = b, each, lanes
        into, out = each
        self.needed = lanes // out * into
        self.wide = 1 << (self.needed - 1).bit_length()
        self.mask: Value | None = None
        self.reads: Value | None = None
        if left is not None:
            self.mask = self.below(left, lanes)
            self.reads = self.below(b.mul(b.div(left, out), into), self.wide)
        elif self.needed < self.wide:
            self.reads = self.below(b.index(self.needed), self.wide)

    def below(self, count: Value, lanes: int) -> Value:
        """A mask of so many lanes."""
        return self.b.compare("lt", self.b.iota(lanes), self.b.splat(count, lanes))

    def where(self, tests: Sequence[Value], mask: Value | None) -> Value | None:
        """The mask of a load where all tests hold, too."""
        for test in tests:
            wide = self.b.splat(test, self.wide)
            mask = wide if mask is None else self.b.and_(mask, wide)
        return mask

    def load(self, buffer: Buffer, at: Value, place: Value, window: Window, reach: tuple[int, int],
             extent: Value, mask: Value | None) -> Value:
        """The image at one place of its last axis, zero outside.

        reach: which column it is of those that some outputs read, and the last one: only those at
        the ends may lie outside.
        """
        column, last = reach
        tests = [self.b.compare("ge", place, 0)] if column < window.low else []
        if column > last - window.high:
            tests.append(self.b.compare("lt", place, extent))
        return self.b.load(buffer, at, self.wide, self.where(tests, mask))

    def spread(self, image: Value, channel: int) -> Value:
        """For every output channel, input `channel` of its group."""
        into, out = self.each
        if out == 1:
            return image
        if image.lanes == 1:
            return self.b.splat(image, self.lanes)
        lanes = [lane // out * into + channel for lane in range(self.lanes)]
        return self.b.shuffle(image, image, lanes)


def meetings(window: Window, count: int) -> dict[int, list[tuple[int, int]]]:
    """Which of `count` neighbouring outputs meet each column, and with which of the filters."""
    found: dict[int, list[tuple[int, int]]] = {}
    for r in range(count):
        for k in range(window.size):
            found.setdefault(r * window.stride + k * window.dilation, []).append((r, k))
    return dict(sorted(found.items()))
