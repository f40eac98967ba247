"""The modern Hopfield network: real patterns, recalled by attention over all of them.

In: patterns `[patterns, features]`, and states `[batch, features]`. Out: states near patterns.
"""

from __future__ import annotations

from math import log

from lamina.functional.arguments import check_counts, check_positive
from lamina.generative.arguments import check_batch, check_rows
from lamina.nn import Buffer, Module
from lamina.tensor import Tensor, logsumexp, scan, softmax


class ModernHopfield(Module):
    """s = softmax(beta s X^T) X, turn after turn (Ramsauer et al. 2021, equation 3).

    patterns X: `[patterns, features]`; it can hold exponentially many in the number of features.
    beta: how sharply one pattern is chosen; a small one gives means of several.

    >>> import lamina as lm
    >>> network = lm.generative.ModernHopfield(lm.tensor([[1.0, 2.0], [-3.0, 0.5]]), beta=8.0)
    >>> [round(x, 3) for x in network(lm.tensor([[0.5, 0.5]]))[0].tolist()]
    [1.0, 2.0]
    """

    def __init__(self, patterns: Tensor, beta: float = 1.0) -> None:
        check_batch("ModernHopfield", patterns, "patterns")
        check_rows("ModernHopfield", patterns, patterns.shape[-1], "patterns")
        check_positive("ModernHopfield", beta=beta)
        self.beta = beta
        self.patterns = Buffer(patterns.detach())

    def forward(self, s: Tensor, steps: int = 3) -> Tensor:
        """s: `[batch, features]`; one step is most often enough."""
        self._check("ModernHopfield", s)
        check_counts("ModernHopfield", 0, steps=steps)
        x = self.patterns

        def turn(s: Tensor, _: None) -> tuple[Tensor, None]:
            return softmax(self.beta * (s @ x.mT), axis=-1) @ x, None

        return scan(turn, s, length=steps)[0]

    def energy(self, s: Tensor) -> Tensor:
        """-lse(beta, X s) + s s / 2 + log(patterns) / beta + M^2 / 2, M the largest |x|.

        Equation 2 of the paper; it never rises from step to step. `[batch]`.
        """
        self._check("ModernHopfield.energy", s)
        x = self.patterns
        chosen = logsumexp(self.beta * (s @ x.mT), axis=-1) / self.beta
        longest = (x * x).sum(axis=-1).max()
        rest = 0.5 * longest + log(x.shape[0]) / self.beta
        return 0.5 * (s * s).sum(axis=-1) - chosen + rest

    def _check(self, op: str, s: Tensor) -> None:
        check_rows(op, s, self.patterns.shape[1], "s")
