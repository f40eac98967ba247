"""What holds for every optimizer: resuming, parameters left out, half types, wrong arguments."""

import numpy as np
import pytest

import lamina as lm
from lamina import optim
from lamina.errors import ArgumentError, GradientError, ShapeError
from lamina.optim import decay_groups

DRAWS = np.random.default_rng(4)
X = DRAWS.normal(size=(16, 3)).astype(np.float32)
Y = np.tanh(X @ DRAWS.normal(size=(3, 2))).astype(np.float32)

KINDS = {
    "SGD": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.1),
    "Adam": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "Adamax": lambda p: optim.Adamax(p, lr=0.01),
    "NAdam": lambda p: optim.NAdam(p, lr=0.01),
    "RAdam": lambda p: optim.RAdam(p, lr=0.01),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "Adadelta": lambda p: optim.Adadelta(p, lr=1.0),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, centered=True, momentum=0.5),
    "ASGD": lambda p: optim.ASGD(p, lr=0.05, t0=10.0),
    "Rprop": lambda p: optim.Rprop(p, lr=0.01),
    "LAMB": lambda p: optim.LAMB(p, lr=0.02),
    "LARS": lambda p: optim.LARS(p, lr=1.0),
    "Lion": lambda p: optim.Lion(p, lr=0.01),
    "Adafactor": lambda p: optim.Adafactor(p, lr=0.05),
    "Muon": lambda p: optim.Muon(p, lr=0.02),
    "Shampoo": lambda p: optim.Shampoo(p, lr=0.1, momentum=0.5, update_every=3),
    "LBFGS": lambda p: optim.LBFGS(p, lr=0.1, max_iter=2, history_size=4),
}


class Problem:
    """A small regression; matrices only, so that every optimizer takes all parameters."""

    def __init__(self, name, dtype=None):
        draws = np.random.default_rng(1)
        self.params = [lm.nn.Parameter(0.5 * draws.normal(size=shape).astype(np.float32),
                                       dtype=dtype) for shape in ((3, 5), (5, 2))]
        self.opt = KINDS[name](self.params)

    def closure(self):
        self.opt.zero_grad()
        first, second = self.params
        loss = ((lm.tanh(lm.tensor(X) @ first) @ second - lm.tensor(Y)) ** 2).mean()
        loss.backward()
        return loss

    def train(self, steps):
        for _ in range(steps):
            loss = self.opt.step(self.closure)
        return loss.item()


def test_every_optimizer_is_here():
    kinds = {name for name in optim.__all__
             if isinstance(getattr(optim, name), type)
             and issubclass(getattr(optim, name), optim.Optimizer)}
    assert kinds - {"Optimizer"} == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_resuming_after_fifty_steps_gives_the_same_bits(name, tmp_path):
    whole = Problem(name)
    before = whole.train(50)
    lm.save(tmp_path / "state.safetensors", whole.opt.state_dict())
    resumed = Problem(name)
    for p, q in zip(resumed.params, whole.params):
        p.assign(q.detach())
    resumed.opt.load_state_dict(lm.load(tmp_path / "state.safetensors"))
    after = whole.train(50)
    assert resumed.train(50) == after
    for p, q in zip(resumed.params, whole.params):
        np.testing.assert_array_equal(p.numpy(), q.numpy())
    assert after < before


@pytest.mark.parametrize("name", KINDS)
def test_parameters_without_a_gradient_and_frozen_ones_stay(name):
    draws = np.random.default_rng(0)
    used, unused, frozen = (lm.nn.Parameter(draws.normal(size=(3, 2)).astype(np.float32))
                            for _ in range(3))
    frozen.requires_grad = False
    opt = KINDS[name]([used, unused, frozen])
    before = [p.numpy() for p in (used, unused, frozen)]

    def closure():
        opt.zero_grad()
        loss = ((used + frozen) ** 2).sum()
        loss.backward()
        return loss

    for _ in range(3):
        opt.step(closure)
    assert (used.numpy() != before[0]).any()
    np.testing.assert_array_equal(unused.numpy(), before[1])
    np.testing.assert_array_equal(frozen.numpy(), before[2])
    opt.zero_grad()
    with pytest.raises(GradientError):
        opt.step(lambda: (used.detach() ** 2).sum())


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dtype", [lm.float16, lm.bfloat16], ids=str)
def test_half_parameters_follow_single_ones(name, dtype):
    half, single = Problem(name, dtype), Problem(name)
    start = half.train(1)
    half.train(20)
    single.train(21)
    assert half.train(1) < start
    for p, q in zip(half.params, single.params):
        assert p.dtype is dtype
        # 21 roundings of numbers near 1, of 2^-9 and 2^-12; signs of small gradients differ
        atol = 0.25 if name == "Rprop" else 0.1  # whose steps double where a sign is kept
        np.testing.assert_allclose(p.numpy().astype(np.float32), q.numpy(), atol=atol)
    assert all(value.dtype not in (lm.float16, lm.bfloat16)
               for value in half.opt.state_dict().values())


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"LBFGS"}))
def test_maximize_climbs(name):
    if name == "Muon":
        pytest.skip("as in PyTorch, Muon has no maximize")
    p, q = lm.nn.Parameter([[1.0, -2.0]]), lm.nn.Parameter([[1.0, -2.0]])
    kind = getattr(optim, name)
    for parameter, opt, sign in ((p, kind([p], lr=0.01), 1), (q, kind([q], lr=0.01, maximize=True),
                                                              -1)):
        (sign * parameter ** 2).sum().backward()
        opt.step()
    np.testing.assert_array_equal(p.numpy(), q.numpy())


@pytest.mark.parametrize(("make", "message"), [
    (lambda p: optim.SGD(p, dampening=-1.0), "dampening"),
    (lambda p: optim.Adam(p, betas=0.9), r"(?s)betas are two numbers.*try: \(0\.9, 0\.999\)"),
    (lambda p: optim.Adamax(p, betas=(1.0, 0.9)), r"betas\[0\]"),
    (lambda p: optim.NAdam(p, momentum_decay=-1.0), "momentum_decay"),
    (lambda p: optim.RAdam(p, eps=-1.0), "eps"),
    (lambda p: optim.Adagrad(p, lr_decay=-1.0), "lr_decay"),
    (lambda p: optim.Adadelta(p, rho=1.0), "rho is a finite number of at least 0 and less than 1"),
    (lambda p: optim.RMSprop(p, alpha=-0.1), "alpha"),
    (lambda p: optim.ASGD(p, lambd=-1.0), "lambd"),
    (lambda p: optim.Rprop(p, etas=(0.5, 0.9)), r"etas\[1\] is a finite number of more than 1"),
    (lambda p: optim.Rprop(p, etas=(0.0, 1.2)), r"etas\[0\].*more than 0 and less than 1"),
    (lambda p: optim.Rprop(p, step_sizes=(1.0, 0.1)), r"try: step_sizes=\(0\.1, 1\.0\)"),
    (lambda p: optim.LAMB(p, weight_decay=-1.0), "weight_decay"),
    (lambda p: optim.LARS(p, trust_coefficient=0.0), "trust_coefficient"),
    (lambda p: optim.Lion(p, betas=(0.9, 2.0)), r"betas\[1\]"),
    (lambda p: optim.Adafactor(p, beta2_decay=0.5), r"(?s)at most 0.*try: beta2_decay=-0\.8"),
    (lambda p: optim.Adafactor(p, eps=(-1.0, 0.1)), r"eps\[0\]"),
    (lambda p: optim.Muon(p, adjust_lr_fn="best"), "None, original or match_rms_adamw"),
    (lambda p: optim.Muon(p, ns_steps=100), "ns_steps .* less than 100"),
    (lambda p: optim.Shampoo(p, update_every=0), "update_every is a number of steps"),
    (lambda p: optim.Shampoo(p, eps=0.0), "eps is a finite number of more than 0"),
    (lambda p: optim.LBFGS(p, line_search_fn="armijo"), 'line_search_fn is None or "strong_wolfe"'),
    (lambda p: optim.LBFGS([{"params": p}, {"params": [lm.nn.Parameter([1.0])]}]),
     "(?s)groups +2.*in one group"),
    (lambda p: optim.LBFGS(p, max_iter=0), "max_iter"),
    (lambda p: optim.LBFGS(p).step(), r"(?s)in LBFGS\.step.*closure +None.*try: opt\.step"),
    (lambda p: optim.SGD(p, lr="search").step(), r"(?s)before the first step.*try: Trainer"),
    (lambda p: optim.SGD(p, lr="find"), "lr is a finite number"),
    (lambda p: decay_groups([("w", p[0])], -0.1), "weight_decay"),
])
def test_wrong_arguments(make, message):
    p = lm.nn.Parameter([[1.0, 2.0]])
    (p * p).sum().backward()
    with pytest.raises(ArgumentError, match=f"(?s){message}") as caught:
        make([p])
    assert ", at test_all.py:" in str(caught.value)
    assert "\n  rule: " in str(caught.value)


def test_muon_is_for_matrices():
    with pytest.raises(ShapeError, match=r"(?s)parameter +float32 \[1\].*for matrices.*try: AdamW"):
        optim.Muon([lm.nn.Parameter([1.0])])


def test_lbfgs_is_not_compiled_but_its_closure_is():
    problem = Problem("LBFGS")
    with pytest.raises(ArgumentError, match=r"(?s)in a compiled function.*lm\.compile\(closure\)"):
        lm.compile(lambda x: problem.opt.step(problem.closure))(lm.tensor(1.0))
    first = problem.opt.step(lm.compile(problem.closure)).item()
    assert problem.opt.step(lm.compile(problem.closure)).item() < first


def test_lbfgs_finds_the_minimum_of_rosenbrock():
    p = lm.nn.Parameter([-1.2, 1.0], dtype=lm.float64)
    opt = optim.LBFGS([p], max_iter=100, tolerance_change=1e-15, line_search_fn="strong_wolfe")

    def closure():
        opt.zero_grad()
        loss = 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2
        loss.backward()
        return loss

    opt.step(closure)
    np.testing.assert_allclose(p.numpy(), 1.0, atol=1e-6)


def test_groups_without_decay():
    model = lm.nn.Sequential(lm.nn.Linear(2, 3), lm.nn.LayerNorm([3]), lm.nn.Linear(3, 4))
    decayed, plain = decay_groups(model, 0.1)
    assert [p.shape for p in decayed["params"]] == [(3, 2), (4, 3)]
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.1, 0.0)
    assert len(plain["params"]) == 4
    decayed, plain = decay_groups(model.named_parameters(), 0.1, exclude=["2."])
    assert [p.shape for p in decayed["params"]] == [(3, 2)]
    wide = lm.nn.Sequential(lm.nn.LayerNorm([3, 4]))
    assert [group["weight_decay"] for group in decay_groups(wide, 0.1)] == [0.0]
