"""The deep Boltzmann machine of two hidden layers (Salakhutdinov and Hinton 2009).

In: sizes. Out: a module whose `log_unnormalised` is the variational lower bound. Given the first
hidden layer, the visible and the second hidden units do not depend on each other: as `Bipartite`
it is the first hidden layer on one side and all else on the other, so its chains and its annealing
are those of an RBM.
"""

from __future__ import annotations

from lamina.functional.arguments import check_counts
from lamina.generative.arguments import check_rows
from lamina.generative.bipartite import Bipartite, draw
from lamina.generative.machine import BoltzmannMachine
from lamina.nn import Parameter
from lamina.tensor import Tensor, concat, log, no_grad, normal, scan, where, zeros


class DBM(BoltzmannMachine):
    """p(v, h1, h2) in proportion to exp(h1 W1 v + h2 W2 h1 + a v + b1 h1 + b2 h2), units 0 or 1.

    Salakhutdinov and Hinton 2009, section 3. weight1 W1: `[hidden1, visible]`; weight2 W2:
    `[hidden2, hidden1]`; visible_bias a; bias1; bias2. mean_field_steps: how often the two layers
    of the approximate posterior are computed from each other.

    >>> import lamina as lm
    >>> dbm = lm.generative.DBM(visible=64, hidden1=16, hidden2=8)
    >>> [mu.shape for mu in dbm.mean_field(lm.zeros((5, 64)))]
    [(5, 16), (5, 8)]
    """

    def __init__(
        self, visible: int, hidden1: int, hidden2: int, mean_field_steps: int = 10
    ) -> None:
        check_counts("DBM", 1, visible=visible, hidden1=hidden1, hidden2=hidden2,
                     mean_field_steps=mean_field_steps)
        self.visible = visible
        self.hidden1 = hidden1
        self.hidden2 = hidden2
        self.mean_field_steps = mean_field_steps
        self.weight1 = Parameter(normal((hidden1, visible), 0.0, 0.01))
        self.weight2 = Parameter(normal((hidden2, hidden1), 0.0, 0.01))
        self.visible_bias = Parameter(zeros(visible))
        self.bias1 = Parameter(zeros(hidden1))
        self.bias2 = Parameter(zeros(hidden2))

    def layers(self) -> Bipartite:
        """The first hidden layer as the sites, visible and second hidden units as the others."""
        return Bipartite(concat([self.weight1.mT, self.weight2], 0), self.bias1,
                         concat([self.visible_bias, self.bias2], 0))

    def mean_field(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """mu1 `[batch, hidden1]` and mu2 `[batch, hidden2]`: q(h1) q(h2) nearest to p(h1, h2 | v).

        A fixed point of mu1 = sigmoid(W1 v + W2^T mu2 + b1), mu2 = sigmoid(W2 mu1 + b2). It starts
        from twice the input of the first layer, in place of what the second would add
        (Salakhutdinov and Larochelle 2010).
        """
        check_rows("DBM.mean_field", v, self.visible, "v")
        with no_grad():
            below = v @ self.weight1.mT

            def turn(mu1: Tensor, _: None) -> tuple[Tensor, None]:
                above = self._second(mu1) @ self.weight2
                return (below + above + self.bias1).sigmoid(), None

            start = (2.0 * below + self.bias1).sigmoid()
            mu1 = scan(turn, start, length=self.mean_field_steps)[0]
            return mu1.detach(), self._second(mu1).detach()

    def forward(self, v: Tensor) -> Tensor:
        """mu1 and mu2 beside each other, `[batch, hidden1 + hidden2]`: features of v."""
        return concat(list(self.mean_field(v)), 1)

    def energy(self, v: Tensor, h1: Tensor, h2: Tensor) -> Tensor:
        """-h1 W1 v - h2 W2 h1 - a v - b1 h1 - b2 h2: `[batch]`."""
        check_rows("DBM.energy", v, self.visible, "v")
        check_rows("DBM.energy", h1, self.hidden1, "h1")
        check_rows("DBM.energy", h2, self.hidden2, "h2")
        return self.layers().energy(h1, concat([v, h2], 1))

    def sites(self, v: Tensor) -> Tensor:
        """First hidden units drawn from their mean field."""
        return draw(self.mean_field(v)[0])

    def log_unnormalised(self, v: Tensor) -> Tensor:
        """-E_q[energy] + entropy of q, at most log p(v) + log Z: `[batch]`.

        Its gradient takes q as fixed, as training does.
        """
        mu1, mu2 = self.mean_field(v)
        return entropy(mu1) + entropy(mu2) - self.energy(v, mu1, mu2)

    def visible_mean(self, s: Tensor) -> Tensor:
        """p(v = 1 | h1)."""
        return (s @ self.weight1 + self.visible_bias).sigmoid()

    def extra_repr(self) -> str:
        """`64 - 16 - 8`."""
        return f"{self.visible} - {self.hidden1} - {self.hidden2}"

    def _second(self, mu1: Tensor) -> Tensor:
        return (mu1 @ self.weight2.mT + self.bias2).sigmoid()


def entropy(mu: Tensor) -> Tensor:
    """-sum of mu log mu + (1 - mu) log(1 - mu), in nats, of units with these means: `[batch]`.

    >>> import lamina as lm
    >>> round(entropy(lm.tensor([[0.5, 1.0]])).item(), 4)
    0.6931
    """
    return -(_x_log_x(mu) + _x_log_x(1.0 - mu)).sum(axis=-1)


def _x_log_x(x: Tensor) -> Tensor:
    return x * log(where(x > 0, x, 1.0))
