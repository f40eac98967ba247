"""The Hopfield network: patterns of +1 and -1 stored in weights, recalled from a part of them.

In: patterns `[patterns, units]`, and states `[batch, units]` to start from. Out: states at rest.
"""

from __future__ import annotations

from lamina.errors import ArgumentError
from lamina.functional.arguments import check_choice, check_counts
from lamina.functional.operands import describe
from lamina.generative.arguments import check_rows
from lamina.nn import Buffer, Module
from lamina.tensor import (
    Tensor,
    abs,
    eye,
    no_grad,
    one_hot,
    outer,
    permutation,
    scan,
    take,
    where,
    zeros,
)

RULES = ("hebbian", "pseudo_inverse")
# A pattern that is, but for this share of its length, a sum of stored ones adds nothing.
_DEPENDENT = 1e-4


class Hopfield(Module):
    """Units of +1 and -1, each pulled to the sign of a weighted sum of the others (Hopfield 1982).

    weight: `[units, units]`, symmetric; its diagonal is kept but pulls no unit.

    >>> import lamina as lm
    >>> network = lm.generative.Hopfield(4)
    >>> network.store(lm.tensor([[1.0, 1.0, -1.0, -1.0]]))
    >>> network(lm.tensor([[1.0, -1.0, -1.0, -1.0]])).tolist()
    [[1.0, 1.0, -1.0, -1.0]]
    """

    def __init__(self, units: int) -> None:
        check_counts("Hopfield", 1, units=units)
        self.units = units
        self.weight = Buffer(zeros((units, units)))

    def store(self, patterns: Tensor, rule: str = "hebbian") -> None:
        """Add patterns `[patterns, units]` of +1 and -1 to those that are stored.

        rule: "hebbian", the sum of x x^T / units (Hopfield 1982, equation 2), which recalls some
        0.14 units patterns that are unlike each other; "pseudo_inverse", the projection on the
        patterns (Personnaz et al. 1986), which recalls any that are linearly independent. A network
        has one rule for all of its patterns.
        """
        check_choice("Hopfield.store", "rule", rule, RULES)
        self._check("Hopfield.store", patterns)
        _check_signs("Hopfield.store", patterns)
        with no_grad():
            if rule == "hebbian":
                self.weight.assign(self.weight + patterns.mT @ patterns / self.units)
            else:
                self.weight.assign(scan(_project, self.weight.detach(), patterns)[0])

    def energy(self, s: Tensor) -> Tensor:
        """-s W s / 2 without the diagonal (Hopfield 1982, equation 7): `[batch]`."""
        self._check("Hopfield.energy", s)
        return -0.5 * ((s @ self._pulls()) * s).sum(axis=-1)

    def forward(self, s: Tensor, sweeps: int = 10) -> Tensor:
        """The states after `sweeps` times all units, one after the other, in random order.

        The energy never rises from unit to unit.
        """
        return self.trace(s, sweeps)[0]

    def trace(self, s: Tensor, sweeps: int = 10) -> tuple[Tensor, Tensor]:
        """As `forward`, and the energies after each sweep, `[sweeps, batch]`."""
        self._check("Hopfield", s)
        check_counts("Hopfield", 0, sweeps=sweeps)
        pulls = self._pulls()

        def turn(s: Tensor, unit: Tensor) -> tuple[Tensor, None]:
            new = _sign(s @ take(pulls, unit, axis=0), take(s, unit, axis=1))
            chosen = one_hot(unit, self.units).astype(s.dtype)
            return s + chosen * (new[:, None] - s), None

        def sweep(s: Tensor, _: None) -> tuple[Tensor, Tensor]:
            s = scan(turn, s, permutation(self.units))[0]
            return s, self.energy(s)

        with no_grad():
            return scan(sweep, s, length=sweeps)

    def recall_synchronously(self, s: Tensor, steps: int = 10) -> Tensor:
        """The states after all units were set at once, `steps` times; they may end in a cycle of 2.

        Little 1974.
        """
        self._check("Hopfield.recall_synchronously", s)
        check_counts("Hopfield.recall_synchronously", 0, steps=steps)
        pulls = self._pulls()
        with no_grad():
            return scan(lambda s, _: (_sign(s @ pulls, s), None), s, length=steps)[0]

    def extra_repr(self) -> str:
        """`64 units`."""
        return f"{self.units} units"

    def _pulls(self) -> Tensor:
        return self.weight * (1.0 - eye(self.units, dtype=self.weight.dtype))

    def _check(self, op: str, s: Tensor) -> None:
        check_rows(op, s, self.units, "patterns" if op.endswith("store") else "s")


def _check_signs(op: str, patterns: Tensor) -> None:
    if not (abs(patterns) == 1.0).all():
        are_bits = ((patterns == 0.0) | (patterns == 1.0)).all()
        raise ArgumentError(op, operands=[("patterns", describe(patterns, ("patterns", "units")))],
                            rule="every value of a pattern is +1 or -1",
                            hint="2.0 * patterns - 1.0, since all are 0 or 1" if are_bits else "")


def _sign(field: Tensor, now: Tensor) -> Tensor:
    """The sign of the field; a unit without a field stays as it is."""
    return where(field == 0.0, now, where(field > 0.0, 1.0, -1.0).astype(now.dtype))


def _project(weight: Tensor, x: Tensor) -> tuple[Tensor, None]:
    """The projection on one pattern more: by the part of it that was not there (Gram-Schmidt)."""
    rest = x - weight @ x
    length = rest @ rest
    is_new = length > _DEPENDENT * x.shape[0]
    step = where(is_new, 1.0 / where(is_new, length, 1.0), 0.0)
    return weight + outer(rest, rest) * step, None
