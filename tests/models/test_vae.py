"""The VAE: its bound, its draws, and that it learns the embedded digits."""

import numpy as np

import lamina as lm
from lamina.models import VAE, elbo_loss


def test_the_loss_is_the_negative_bound():
    rng = np.random.default_rng(0)
    scores, mean, log_variance = (rng.normal(size=s) for s in ((3, 5), (3, 2), (3, 2)))
    x = rng.uniform(size=(3, 5))
    p = 1 / (1 + np.exp(-scores))
    missed = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(1)
    variance = np.exp(log_variance)
    divergence = -0.5 * (1 + log_variance - mean**2 - variance).sum(1)  # appendix B
    outputs = tuple(lm.tensor(v) for v in (scores, mean, log_variance))
    got = elbo_loss(outputs, lm.tensor(x)).item()
    np.testing.assert_allclose(got, (missed + divergence).mean(), 1e-6)


def test_training_draws_and_evaluation_does_not():
    lm.seed(0)
    model, x = VAE(8, 6, 2), lm.ones((4, 8))
    lm.seed(1)
    first, second = model(x)[0].numpy(), model(x)[0].numpy()
    lm.seed(1)
    assert (model(x)[0].numpy() == first).all() and (first != second).any()
    still = model.eval()(x)[0].numpy()
    assert (model(x)[0].numpy() == still).all()
    assert (model.train()(x, lm.zeros((4, 2)))[0].numpy() == still).all()


def test_gradients_pass_through_the_draw():
    x = lm.ones((4, 8))
    model = VAE(8, 6, 2)
    elbo_loss(model(x), x).backward()
    assert all(abs(p.grad.numpy()).max() > 0 for p in model.parameters())


def test_it_learns_digits():
    lm.seed(0)
    images, _ = lm.datasets.digits("train")
    x = lm.tensor(images.reshape(-1, 64).astype(np.float32) / 16)
    model = VAE(inputs=64, hidden=64, latent=4)
    optimizer = lm.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for step in range(100):
        batch = x[step % 11 * 128:][:128]
        loss = elbo_loss(model(batch), batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[0] > 44 > 30 > np.mean(losses[-10:])  # 64 log 2 = 44.4 knows nothing
    pixels = model.sample(100).numpy()
    assert pixels.shape == (100, 64) and 0 <= pixels.min() and pixels.max() <= 1
