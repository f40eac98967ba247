"""Segmentation: which pixels belong to circles, squares and triangles, by a small U-Net."""

import numpy as np

import lamina as lm
from lamina import nn


class UNet(nn.Module):
    """[batch, height, width, 3] -> scores [batch, height, width, classes]."""

    def __init__(self, classes: int, widths: tuple[int, ...] = (16, 32, 64)) -> None:
        super().__init__()
        inputs = (3, *widths)
        self.down = nn.ModuleList([block(i, o) for i, o in zip(inputs, widths, strict=False)])
        self.up = nn.ModuleList([block(i + o, o) for i, o in zip(widths[1:], widths, strict=False)])
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: lm.Tensor) -> lm.Tensor:
        kept = []
        for layer in self.down:
            x = layer(x if not kept else lm.functional.max_pool2d(x, 2))
            kept.append(x)
        for layer, early in zip(reversed(self.up), reversed(kept[:-1]), strict=True):
            x = layer(lm.concat([lm.functional.interpolate(x, scale_factor=2), early], axis=-1))
        return self.head(x)


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
                         nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
                         nn.BatchNorm2d(outputs), nn.ReLU())


def main(images: int = 1500, epochs: int = 5) -> float:
    data, test = lm.datasets.shapes(images), lm.datasets.shapes(500, seed=1)
    model = UNet(classes=4)
    rate = lm.optim.schedules.cosine(3e-3, epochs * -(-images // 16))
    trainer = lm.train.Trainer(model, loss="cross_entropy",
                               optimizer=lm.optim.Adam(model.parameters(), lr=rate))
    pixels = (data.images / np.float32(255), data.masks.astype(np.int32))
    trainer.fit(pixels, epochs=epochs, batch_size=16)
    metric = lm.metrics.IoU()
    metric.update(trainer.predict(test.images / np.float32(255)), test.masks)
    print(f"mean intersection over union: {metric.compute():.3f}")
    return metric.compute()


if __name__ == "__main__":
    main()
