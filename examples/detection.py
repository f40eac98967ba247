"""Object detection: circles, squares and triangles, found as peaks of a map of their centres."""

import numpy as np

import lamina as lm
from lamina import nn


def targets(boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """[n, 16, 16, 3 + 4]: for each cell of 4x4 pixels, centres by class, and the box from there."""
    grid = np.zeros((len(boxes), 16, 16, 7), np.float32)
    image, shape = np.nonzero(labels >= 0)
    box = boxes[image, shape] / 4
    x, y = ((box[:, :2] + box[:, 2:]) / 2).astype(int).T
    grid[image, y, x, labels[image, shape]] = 1
    grid[image, y, x, 3:] = box - np.stack([x, y, x, y], 1)
    return grid


def loss(output: lm.Tensor, target: lm.Tensor) -> lm.Tensor:
    here = target[..., :3].sum(axis=-1, keepdims=True)
    centres = lm.functional.focal_loss(output[..., :3], target[..., :3], reduction="sum")
    return (centres + (here * (output[..., 3:] - target[..., 3:]).abs()).sum()) / here.sum()


def detect(output: np.ndarray) -> list[dict[str, np.ndarray]]:
    score, found = lm.tensor(output[..., :3]).sigmoid(), []
    peaks = (score > 0.05) & (score == lm.functional.max_pool2d(score, 3, 1, padding=1))
    for i in range(len(output)):
        y, x, label = np.nonzero(peaks[i].numpy())
        boxes = 4 * (output[i, y, x, 3:] + np.stack([x, y, x, y], 1))
        boxes[:, 2:] = np.maximum(boxes[:, :2], boxes[:, 2:])  # they may cross at first
        found.append({"boxes": boxes, "scores": score[i].numpy()[y, x, label], "labels": label})
    return found


def main(images: int = 4000, epochs: int = 8) -> float:
    data, test = lm.datasets.shapes(images), lm.datasets.shapes(500, seed=1)
    down = [nn.Sequential(nn.Conv2d(i, o, 3, s, padding=1), nn.BatchNorm2d(o), nn.ReLU())
            for i, o, s in [(3, 16, 2), (16, 32, 2), (32, 64, 2), (64, 64, 1)]]
    model = nn.Sequential(*down, nn.Upsample(scale_factor=2), nn.Conv2d(64, 7, 3, padding=1))
    optimizer = lm.optim.Adam(model.parameters(), lr=3e-3)
    trainer = lm.train.Trainer(model, loss=loss, optimizer=optimizer)
    trainer.fit((data.images / np.float32(255), targets(data.boxes, data.labels)), epochs=epochs)
    metric = lm.metrics.MeanAveragePrecision(iou_thresholds=[0.5])
    truth = [{"boxes": test.boxes[i, keep], "labels": test.labels[i, keep]}
             for i, keep in enumerate(test.labels >= 0)]
    metric.update(detect(trainer.predict(test.images / np.float32(255))), truth)
    print(f"mean average precision at an overlap of 0.5: {metric.compute():.3f}")
    return metric.compute()


if __name__ == "__main__":
    main()
