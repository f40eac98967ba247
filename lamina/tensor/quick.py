"""The short way through a compiled function whose calls only compute.

In: a recording that has run, and changes nothing: no parameters, no gradients, no random stream.
Out: a `Quick`, which is called with the arguments of later calls. Pointers to what stays the same
are set once, in a frame; a call checks that its arguments look as before, and sets the others.
Whatever is not as it was goes the long way, which finds out why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lamina.config import settings
from lamina.graph.node import BUFFER, Node, leaf, mode
from lamina.runtime import threads
from lamina.runtime.buffers import Buffer
from lamina.runtime.profile import watching
from lamina.runtime.table import ARENA, FIRST
from lamina.runtime.undisturbed import exclusive
from lamina.tensor.array import Tensor
from lamina.tensor.recording import MISSED
from lamina.tree import flatten, unflatten

if TYPE_CHECKING:
    from lamina.runtime.kept import Kept
    from lamina.tensor.recording import Recording

SMALL = 1 << 20  # bytes of an arena that a function holds between two calls
_ONE = flatten(0)[1]


class _Ready:
    """A frame whose pointers to what stays the same are set, and a small arena.

    It does not hold what is kept, which may have to go, but knows whether it is still that.
    """

    def __init__(self, quick: Quick, own: Sequence[Buffer], serials: list[int]) -> None:
        bound, kept = quick.bound, quick.kept
        self.serials = serials
        known = None if kept is None else kept.ready(own)
        launch, values = known or (bound.whole, None)
        self.number = -1 if values is None else values.number
        self.arena = Buffer(bound.arena_bytes) if 0 < bound.arena_bytes <= SMALL else None
        self.frame = frame = launch.frame()
        self.pointers = pointers = frame.pointers
        pointers[ARENA] = 0 if self.arena is None else self.arena.address
        for slot, buffer in zip(quick.own_slots, own, strict=True):
            pointers[slot] = buffer.address
        for slot, literal in bound.literals:
            pointers[slot] = literal.address
        first = bound.first_output + len(bound.out_sizes)
        for i, buffer in enumerate([] if values is None else values.buffers):
            pointers[first + i] = buffer.address
        self.table, self.records, self.address = launch.address, launch.records, frame.address
        self.launch = launch


class Quick:
    """One recording, on the short way."""

    def __init__(self, recording: Recording, arguments: Sequence[Tensor]) -> None:
        self.recording, self.bound = recording, recording.bound
        self.kept: Kept | None = recording.kept
        self.looks = [_look(x.node) for x in arguments]
        self.precision, self.tracking = mode.precision, mode.tracking
        places = list(enumerate(recording.sources, FIRST))
        self.own: list[Tensor | Node] = [s for _, s in places if isinstance(s, (Tensor, Node))]
        self.own_slots = [slot for slot, s in places if isinstance(s, (Tensor, Node))]
        self.given = [(slot, s) for slot, s in places if type(s) is int]
        self.results = [(slot - self.bound.first_output, *kind) for slot, kind in
                        zip(self.bound.results[:recording.results], recording.kinds, strict=False)]
        self.is_one = recording.structure == _ONE
        self.ready: list[_Ready] = []

    @staticmethod
    def fits(recording: Recording, arguments: Sequence[Any]) -> bool:
        """Whether a recording is one that only computes, from these positional arguments."""
        bound = recording.bound
        return (bound is not None and bound.uses.settled and not recording.takers
                and not (recording.changed or recording.grads or recording.given)
                and all(isinstance(x, Tensor) for x in arguments)
                and all(isinstance(s, (Tensor, Node)) or type(s) is int
                        for s in recording.sources)
                and all(slot >= bound.first_output for slot in bound.results)
                and bound.whole.records > 0
                and not any(step.checks for step in bound.plan.steps))

    def __call__(self, arguments: tuple[Any, ...]) -> Any:
        """The result, or MISSED."""
        recording, bound = self.recording, self.bound
        if (len(arguments) != len(self.looks) or mode.precision is not self.precision
                or mode.tracking is not self.tracking or watching or settings.debug >= 2
                or recording.differentiable and mode.tracking):
            return MISSED
        nodes = []
        for x, look in zip(arguments, self.looks, strict=True):
            if type(x) is not Tensor:
                return MISSED
            node = x.node
            if (node.op is BUFFER, node.shape, node.dtype, node.tracked, node.variable) != look:
                return MISSED
            nodes.append(node)
        if not recording.holds(arguments):
            return MISSED
        with exclusive:  # nobody computes in the memory of these now
            try:
                own = [(x if isinstance(x, Node) else x.node).value for x in self.own]
                serials = [buffer.serial for buffer in own]
                given = [(slot, buffer := nodes[i].value, buffer.address)
                         for slot, i in self.given]
            except AttributeError:  # a value that is not known yet
                return MISSED
        kept = None if self.kept is None else self.kept.values  # held until the call has ended
        ready = self._ready_for(own, serials, kept)
        if ready is None:
            return MISSED
        pointers = ready.pointers
        if bound.arena_bytes > SMALL:
            arena = Buffer(bound.arena_bytes)
            pointers[ARENA] = arena.address
        for slot, _, address in given:
            pointers[slot] = address
        outputs = [Buffer(size) for size in bound.out_sizes]
        for slot, buffer in enumerate(outputs, bound.first_output):
            pointers[slot] = buffer.address
        threads.launch(ready.table, ready.records, ready.address)
        if ready.frame.status.value:  # the long way tells what is wrong
            return MISSED
        bound.uses.runs += 1
        bound.program.runs += 1
        self.ready.append(ready)
        results = [Tensor(leaf(outputs[place], shape, dtype))
                   for place, shape, dtype in self.results]
        return results[0] if self.is_one else unflatten(recording.structure, results)

    def _ready_for(self, own: list[Buffer], serials: list[int], kept: Any) -> _Ready | None:
        """A frame for these values.

        None where the long way is still to decide what is kept, or another thread has changed that.
        """
        if self.kept is not None and kept is None:
            return None
        try:
            ready = self.ready.pop()
            if ready.serials == serials and (kept is None or ready.number == kept.number):
                return ready
        except IndexError:
            pass
        ready = _Ready(self, own, serials)
        return ready if kept is None or ready.number == kept.number else None


def _look(node: Node) -> tuple[Any, ...]:
    return node.op is BUFFER, node.shape, node.dtype, node.tracked, node.variable
