"""Data sets out of packages: what is read from their files. Skipped where they are not at hand."""

import numpy as np
import pytest

import lamina as lm
from lamina.data.datasets import sources
from lamina.data.datasets.fetching import Unavailable
from lamina.errors import ArgumentError, DataError


@pytest.fixture(autouse=True)
def what_is_here(monkeypatch: pytest.MonkeyPatch):
    """Files of the cache folder and of $LAMINA_DATA; a test does not fetch."""
    def refuse(*arguments: object) -> None:
        raise Unavailable([("network", "not in tests")])

    monkeypatch.setattr(sources, "fetch_url", refuse)
    monkeypatch.setattr(sources, "fetch_archive", refuse)


def have(function, *arguments):
    try:
        return function(*arguments)
    except DataError:
        pytest.skip("the data set is not on this machine")


@pytest.mark.parametrize(("split", "n"), [("train", 60_000), ("test", 10_000)])
def test_mnist(split: str, n: int):
    images, labels = have(lm.datasets.mnist, split)
    assert (images.shape, images.dtype, labels.shape) == ((n, 28, 28), np.uint8, (n,))
    assert sorted(set(labels.tolist())) == list(range(10))


@pytest.mark.parametrize(("split", "each"), [("train", 400), ("test", 100)])
def test_5000_digits(split: str, each: int):
    images, labels = have(lm.datasets.mnist_5k, split)
    assert images.shape == (10 * each, 28, 28)
    assert images.max() == 255
    assert np.bincount(labels).tolist() == [each] * 10


def test_film_reviews():
    sentences, scores = have(lm.datasets.film_reviews, "test")
    assert sentences.shape == scores.shape == (2121,)
    assert -4 <= scores.min() < -2 and 2 < scores.max() <= 4
    assert all(isinstance(sentence, str) and sentence for sentence in sentences)


def test_series():
    assert have(lm.datasets.air_passengers)[[0, -1]].tolist() == [112.0, 432.0]
    series, labels = have(lm.datasets.gun_point, "test")
    assert (series.shape, np.bincount(labels).tolist()) == ((150, 150, 1), [76, 74])


def test_plays():
    text = have(lm.datasets.shakespeare, ["hamlet", "macbeth"])
    assert text.startswith("HAMLET, PRINCE OF DENMARK\n")
    assert "\r" not in text and "Is this a dagger" in text


@pytest.mark.parametrize("plays", ["hamlet", ["hamlett"]])
def test_plays_that_are_not_there(plays):
    with pytest.raises(ArgumentError, match="plays is a list of"):
        lm.datasets.shakespeare(plays)


@pytest.mark.parametrize("name", ["mnist", "mnist_5k", "film_reviews", "gun_point"])
def test_splits_that_are_not_there(name: str):
    with pytest.raises(ArgumentError, match="split is one of train, test"):
        getattr(lm.datasets, name)("valid")
