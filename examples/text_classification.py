"""Is a sentence of a film review good or bad? The mean of word vectors, and one linear layer."""

import re
from itertools import pairwise

import numpy as np

import lamina as lm
from lamina import nn

LENGTH = 40  # words of a sentence that are read


def words(sentence: str) -> list[str]:
    """Words, and pairs of neighbours: "not good" is not "good"."""
    single = re.findall(r"[a-z']+", sentence.lower())[:LENGTH // 2]
    return single + [f"{a} {b}" for a, b in pairwise(single)]


def encode(sentences: np.ndarray, vocabulary: dict[str, int]) -> np.ndarray:
    """[n, LENGTH]: numbers of words, 0 where there is none."""
    found = np.zeros((len(sentences), LENGTH), np.int32)
    for row, sentence in zip(found, sentences, strict=True):
        known = [vocabulary[word] for word in words(sentence) if word in vocabulary]
        row[:len(known)] = known
    return found


def main(every: int = 1, epochs: int = 6) -> float:
    lm.seed(0)
    (train, moods), (test, truth) = map(lm.datasets.film_reviews, ("train", "test"))
    train, moods = train[::every], moods[::every]
    counted, counts = np.unique([w for text in train for w in words(text)], return_counts=True)
    vocabulary = {word: i + 1 for i, word in enumerate(counted[counts > 1])}
    model = nn.Sequential(nn.EmbeddingBag(len(vocabulary) + 1, 64, padding_idx=0),
                          nn.Dropout(0.5), nn.Linear(64, 2))
    trainer = lm.train.Trainer(model, loss="cross_entropy", metrics=["accuracy"],
                               optimizer=lm.optim.Adam(model.parameters(), lr=3e-3))
    trainer.fit((encode(train, vocabulary), (moods > 0).astype(np.int32)), epochs=epochs)
    found = trainer.evaluate((encode(test, vocabulary), (truth > 0).astype(np.int32)))
    print(f"accuracy {found['accuracy']:.1%} on {len(test)} sentences")
    return found["accuracy"]


if __name__ == "__main__":
    main()
