"""A language model of characters: a small GPT reads Shakespeare, then goes on by itself."""

import numpy as np

import lamina as lm
from lamina import nn

CONTEXT, WIDTH, LAYERS, BATCH = 128, 128, 3, 32


class CharacterModel(nn.Module):
    """Characters [batch, time] -> scores of the next ones [batch, time, characters]."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.characters, self.places = nn.Embedding(characters, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.layers = nn.Sequential(*[
            nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.1, activation="gelu",
                                       norm_first=True) for _ in range(LAYERS)])
        self.head = nn.Linear(WIDTH, characters)

    def forward(self, x: lm.Tensor) -> lm.Tensor:
        x = self.characters(x) + self.places(lm.arange(x.shape[1]))
        for layer in self.layers:
            x = layer(x, is_causal=True)
        return self.head(x)


def main(steps: int = 600, sample: int = 300) -> float:
    lm.seed(0)
    text = lm.datasets.shakespeare()
    characters, numbers = np.unique(np.array(list(text)), return_inverse=True)
    cut, rng = len(numbers) * 9 // 10, np.random.default_rng(0)
    starts = rng.integers(0, cut - CONTEXT, (steps * BATCH, 1)) + np.arange(CONTEXT)
    unseen = np.arange(cut, len(numbers) - CONTEXT, CONTEXT)[:steps, None] + np.arange(CONTEXT)
    model = CharacterModel(len(characters))
    rate = lm.optim.schedules.cosine(2e-3, steps)
    trainer = lm.train.Trainer(model, loss="cross_entropy",
                               optimizer=lm.optim.AdamW(model.parameters(), lr=rate))
    trainer.fit((numbers[starts], numbers[starts + 1]), batch_size=BATCH)
    bits = trainer.evaluate((numbers[unseen], numbers[unseen + 1]), 64)["loss"] / np.log(2)
    written = list(numbers[:CONTEXT])
    for _ in range(sample):
        scores = trainer.predict(np.array([written[-CONTEXT:]]))[0, -1]
        chances = np.exp((scores - scores.max()) / 0.7)
        written.append(rng.choice(len(chances), p=chances / chances.sum()))
    print("".join(characters[written[CONTEXT:]]), f"\n{bits:.2f} bits a character")
    return bits


if __name__ == "__main__":
    main()
