"""Metrics of texts: BLEU, ROUGE-L, edit distance, word error rate.

In: predicted texts and true ones, each a string, which is split at blanks, or a list of tokens; a
batch is a list of them. Out: one number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from fractions import Fraction
from math import exp, fsum, log
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.functional.arguments import check_counts, check_positive
from lamina.metrics.exact import ExactSum
from lamina.metrics.metric import Metric, State, ratio

Tokens = Sequence[Hashable]


def tokens(text: Any) -> list[Hashable]:
    """Words of a string; a list of tokens as it is."""
    return list(text.split()) if isinstance(text, str) else list(text)


def pairs(op: str, prediction: Any, target: Any) -> list[tuple[Any, Any]]:
    """One prediction for each target; two strings are a batch of one."""
    if isinstance(prediction, str):
        prediction, target = [prediction], [target]
    if len(prediction) != len(target):
        raise ShapeError(
            op,
            operands=[("prediction", f"{len(prediction)} texts"), ("target", f"{len(target)}")],
            rule="there is one prediction for each target",
            expected=len(target),
            got=len(prediction),
        )
    return list(zip(prediction, target, strict=True))


def references(prediction: Any, target: Any) -> list[list[Hashable]]:
    """One or more true texts for one prediction: of strings for a string, else of token lists."""
    kinds = str if isinstance(prediction, str) else (list, tuple)
    several = not isinstance(target, str) and all(isinstance(text, kinds) for text in target)
    found = [tokens(text) for text in target] if several and len(target) else [tokens(target)]
    return found


# ---- n-grams -------------------------------------------------------------------------------------
class BLEU(Metric):
    """The geometric mean of n-gram precisions times the brevity penalty, of a whole corpus.

    Papineni et al. 2002, section 2.3: matches are clipped by the largest count in any reference,
    and the reference length is the nearest (of two as near, the shorter).

    max_n: the longest n-grams. smooth: add one to matches and totals of n-grams above one word (Lin
    and Och 2004), for corpora so small that some precision is 0.

    >>> import lamina as lm
    >>> metric = lm.metrics.BLEU()
    >>> metric.update(["the cat sat on the mat"], [["the cat sat on the mat"]])
    >>> metric.compute()
    1.0
    """

    title = "bleu"

    def __init__(self, max_n: int = 4, smooth: bool = False) -> None:
        check_counts("BLEU", 1, max_n=max_n)
        self.max_n = max_n
        self.smooth = smooth
        super().__init__()

    def start(self) -> State:
        """No texts."""
        n = self.max_n
        return {"matches": np.zeros(n, np.int64), "totals": np.zeros(n, np.int64),
                "length": 0, "wanted": 0, "texts": 0}

    def update(self, prediction: Any, target: Any) -> None:
        """prediction: texts; target: for each a text, or a list of texts that are all right."""
        for given, true in pairs("BLEU", prediction, target):
            hypothesis, right = tokens(given), references(given, true)
            matches, totals = zip(*(_matches(hypothesis, right, n + 1)
                                    for n in range(self.max_n)), strict=True)
            size = len(hypothesis)
            nearest = min((abs(len(r) - size), len(r)) for r in right)[1]
            self.add(matches=np.array(matches), totals=np.array(totals), length=size,
                     wanted=nearest, texts=1)

    def compute(self) -> float:
        """A number from 0 to 1."""
        self.check_seen(self.state["texts"])
        more = [int(self.smooth and n > 0) for n in range(self.max_n)]
        matches = [int(m) + k for m, k in zip(self.state["matches"], more, strict=True)]
        totals = [int(m) + k for m, k in zip(self.state["totals"], more, strict=True)]
        if not all(matches):
            return 0.0
        mean = fsum(log(m / t) for m, t in zip(matches, totals, strict=True)) / self.max_n
        length, wanted = self.state["length"], self.state["wanted"]
        return exp(mean + min(0.0, 1.0 - wanted / length))


def _matches(hypothesis: Tokens, right: Sequence[Tokens], n: int) -> tuple[int, int]:
    """N-grams of the hypothesis that a reference has, and all of them."""
    found = _ngrams(hypothesis, n)
    most: Counter[tuple[Hashable, ...]] = Counter()
    for reference in right:
        most |= _ngrams(reference, n)
    return (found & most).total(), found.total()


def _ngrams(text: Tokens, n: int) -> Counter[tuple[Hashable, ...]]:
    return Counter(tuple(text[i:i + n]) for i in range(len(text) - n + 1))


# ---- sequences -----------------------------------------------------------------------------------
class ROUGEL(Metric):
    """The mean F-measure of the longest common subsequence (Lin 2004, equations 2 to 4).

    beta: how much more recall counts than precision. Of several references the best counts.
    """

    title = "rouge_l"

    def __init__(self, beta: float = 1.0) -> None:
        check_positive("ROUGEL", beta=beta)
        self.beta = beta
        super().__init__()

    def start(self) -> State:
        """No texts."""
        return {"total": ExactSum(), "texts": 0}

    def update(self, prediction: Any, target: Any) -> None:
        """prediction: texts; target: for each a text, or a list of texts that are all right."""
        for given, true in pairs("ROUGEL", prediction, target):
            hypothesis = tokens(given)
            best = max(self._measure(hypothesis, right) for right in references(given, true))
            self.add(total=ExactSum().add(np.array([best])), texts=1)

    def _measure(self, hypothesis: Tokens, reference: Tokens) -> float:
        square = self.beta * self.beta
        common = common_length(hypothesis, reference)
        whole = len(hypothesis) + square * len(reference)
        return (1 + square) * common / whole if common else 0.0

    def compute(self) -> float:
        """A number from 0 to 1."""
        self.check_seen(self.state["texts"])
        total: Fraction = self.state["total"].fraction()
        return float(total / self.state["texts"])


class EditDistance(Metric):
    """The mean number of insertions, deletions and substitutions (Levenshtein 1966).

    Strings `[texts]` are compared by characters, other sequences by elements.
    """

    title = "edit_distance"

    def start(self) -> State:
        """No texts."""
        return {"edits": 0, "wanted": 0, "texts": 0}

    def update(self, prediction: Any, target: Any) -> None:
        """prediction, target: texts."""
        for given, true in pairs(type(self).__name__, prediction, target):
            left, right = self._elements(given), self._elements(true)
            self.add(edits=edit_distance(left, right), wanted=len(right), texts=1)

    def _elements(self, text: Any) -> list[Hashable]:
        return list(text)

    def compute(self) -> float:
        """A number from 0."""
        self.check_seen(self.state["texts"])
        return ratio(self.state["edits"], self.state["texts"])


class WordErrorRate(EditDistance):
    """All edits of words over the number of true words; may be above 1."""

    title = "word_error_rate"

    def _elements(self, text: Any) -> list[Hashable]:
        return tokens(text)

    def compute(self) -> float:
        """A number from 0."""
        self.check_seen(self.state["texts"])
        if not self.state["wanted"]:
            raise ArgumentError(type(self).__name__, operands=[("target", "0 elements")],
                                rule="an error rate is of at least one true element")
        return ratio(self.state["edits"], self.state["wanted"])


class CharacterErrorRate(WordErrorRate):
    """All edits of characters over the number of true characters; may be above 1."""

    title = "character_error_rate"

    def _elements(self, text: Any) -> list[Hashable]:
        return list(text)


def edit_distance(left: Tokens, right: Tokens) -> int:
    """Insertions, deletions and substitutions from one to the other (Wagner and Fischer 1974).

    >>> edit_distance("kitten", "sitting")
    3
    """
    one, other = _numbered(left, right)
    places = np.arange(len(other) + 1)
    row = places.copy()
    for i, element in enumerate(one):
        change = row[:-1] + (other != element)
        best = np.concatenate([[i + 1], np.minimum(row[1:] + 1, change)])
        row = np.minimum.accumulate(best - places) + places  # insertions run along the row
    return int(row[-1])


def common_length(left: Tokens, right: Tokens) -> int:
    """The length of the longest common subsequence.

    >>> common_length("abcbdab", "bdcaba")
    4
    """
    one, other = _numbered(left, right)
    row = np.zeros(len(other) + 1, np.int64)
    for element in one:
        longer = np.concatenate([[0], np.maximum(row[1:], row[:-1] + (other == element))])
        row = np.maximum.accumulate(longer)
    return int(row[-1])


def _numbered(left: Tokens, right: Tokens) -> tuple[np.ndarray, np.ndarray]:
    """Both as integers, equal where the elements are."""
    number: dict[Hashable, int] = {}
    one, other = ([number.setdefault(x, len(number)) for x in text] for text in (left, right))
    return np.array(one, np.int64), np.array(other, np.int64)
