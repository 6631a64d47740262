"""A step in micro-batches against the same step on the whole batch."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import DropPath, StdConv2d
from torch import Tensor, nn

from bench.config.schema import Precision
from bench.registry import LOSSES, TargetKind
from bench.train import TrainingFailedError
from bench.train.autocast import autocast
from bench.train.micro_batches import backward
from cxnet import CXNetM1, CXNetM1V2


def small(*, channels: int = 4) -> nn.Module:
    """Two batch norms and both kinds of dropout."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 3),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Dropout2d(0.2),
        nn.Conv2d(channels, channels, 3),
        nn.Dropout(0.5, inplace=True),
        nn.BatchNorm2d(channels),
        nn.Flatten(),
        nn.LazyLinear(3),
    )


def without_batch_norm() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.GELU(), nn.Dropout(0.3), nn.Flatten(), nn.LazyLinear(3)
    )


def batch_norm_first() -> nn.Module:
    """Its batch norm's input has no gradient."""
    return nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3), nn.Flatten(), nn.LazyLinear(3))


def plain_average() -> nn.Module:
    """Running statistics as plain averages over the steps; neither weight nor bias; one input."""
    return nn.Sequential(
        nn.Flatten(),
        nn.LazyLinear(6),
        nn.BatchNorm1d(6, momentum=None, affine=False),
        nn.Linear(6, 3),
        nn.BatchNorm1d(3, track_running_stats=False),
    )


class Shared(nn.Module):
    """One batch norm, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3)
        self.second = nn.Conv2d(4, 4, 3)
        self.head = nn.Linear(4, 3)
        self.norm = nn.BatchNorm2d(4, momentum=None)

    def forward(self, images: Tensor) -> Tensor:
        x = self.norm(self.first(images)).relu()
        logits: Tensor = self.head(self.norm(self.second(x)).relu().mean(dim=(2, 3)))
        return logits


class StochasticDepth(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 3, 3)
        self.block = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU())
        self.drop = DropPath(0.5)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        mean: Tensor = (x + self.drop(self.block(x))).mean(dim=(2, 3))
        return mean


class ChannelsLast(nn.Module):
    """Dropout of a tensor whose order in memory is not that of its axes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 3, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        mean: Tensor = self.drop(self.stem(images).permute(0, 2, 3, 1)).mean(dim=(1, 2))
        return mean


def resnet18() -> nn.Module:
    network: nn.Module = timm.create_model("resnet18", num_classes=3, in_chans=1, drop_rate=0.2)
    return network


def batch(images: int, *, side: int = 8, kind: TargetKind = "multiclass") -> tuple[Tensor, Tensor]:
    torch.manual_seed(images)
    x = torch.randn(images, 1, side, side, dtype=torch.float64)
    if kind == "multilabel":
        return x, torch.randint(2, (images, 3)).float()
    return x, torch.randint(3, (images,))


def begun(make: Callable[[], nn.Module], x: Tensor) -> nn.Module:
    """A network in training mode, of the batch's precision, its first pass behind it."""
    torch.manual_seed(0)
    network = make().to(x.dtype).train()
    network(x[:2])
    return network


def make_loss(name: str = "sin", kind: TargetKind = "multiclass") -> nn.Module:
    shape = (3,) if kind == "multiclass" else (3, 2)
    weights = torch.rand(*shape, generator=torch.Generator().manual_seed(0)) + 0.5
    made: nn.Module = LOSSES.get(name).factory(kind=kind, class_weights=weights)
    return made


def step(
    network: nn.Module,
    x: Tensor,
    targets: Tensor,
    *,
    micro_batch: int | None,
    loss: nn.Module | None = None,
    precision: Precision = "float32",
    seed: int = 7,
) -> Tensor:
    """Loss and gradients of a step: torch's own for the whole batch, ours for micro-batches."""
    loss = loss or make_loss()
    if micro_batch is not None:
        return backward(
            network, loss, x, targets, micro_batch=micro_batch, precision=precision, seed=seed
        )
    torch.manual_seed(seed)
    with autocast(x.device, precision):
        value: Tensor = loss(network(x), targets)
    torch.autograd.backward(value)
    return value.detach()


def gradient(network: nn.Module) -> Tensor:
    """Of all parameters, in one float64 vector."""
    return torch.cat([p.grad.ravel().double() for p in network.parameters() if p.grad is not None])


def assert_same(one: nn.Module, other: nn.Module) -> None:
    """The same gradients and buffers, to 1e-10."""
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-10, atol=1e-10, msg=name)
    for (name, before), after in zip(one.named_buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(before, after, rtol=1e-10, atol=1e-10, msg=name)


@pytest.mark.parametrize(
    ("make", "images", "side", "micro_batch"),
    [
        (lambda: CXNetM1(outputs=3), 7, 16, 3),
        (lambda: CXNetM1(outputs=3), 3, 8, 1),
        (lambda: CXNetM1V2(outputs=3), 2, 8, 1),
        (resnet18, 3, 32, 2),
        (small, 32, 8, 10),
        (small, 5, 8, 1),
        (small, 4, 8, 4),
        (without_batch_norm, 32, 8, 10),
        (batch_norm_first, 7, 8, 3),
        (plain_average, 7, 8, 3),
        (Shared, 7, 8, 3),
        (StochasticDepth, 32, 8, 10),
        (ChannelsLast, 32, 8, 10),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_step_in_micro_batches_is_that_of_the_whole_batch(
    make: Callable[[], nn.Module], images: int, side: int, micro_batch: int
) -> None:
    x, targets = batch(images, side=side)
    whole = begun(make, x)
    divided = copy.deepcopy(whole)
    expected = step(whole, x, targets, micro_batch=None)
    value = step(divided, x, targets, micro_batch=micro_batch)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)
    assert_same(whole, divided)


@settings(max_examples=20)
@given(images=st.integers(2, 9), micro_batch=st.integers(1, 9), channels=st.integers(1, 3))
def test_however_a_batch_is_divided(images: int, micro_batch: int, channels: int) -> None:
    x, targets = batch(images)
    whole = begun(lambda: small(channels=channels), x)
    divided = copy.deepcopy(whole)
    step(whole, x, targets, micro_batch=None)
    step(divided, x, targets, micro_batch=micro_batch)
    assert_same(whole, divided)


KINDS: tuple[TargetKind, ...] = ("multiclass", "multilabel")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [entry.name for entry in LOSSES])
def test_every_loss_and_several_steps_of_sgd(name: str, kind: TargetKind) -> None:
    whole = begun(small, batch(6)[0])
    divided = copy.deepcopy(whole)
    for network, micro_batch in ((whole, None), (divided, 4)):
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        for number in range(4):
            x, targets = batch(6 + number, kind=kind)
            optimizer.zero_grad()
            loss = make_loss(name, kind)
            step(network, x, targets, micro_batch=micro_batch, loss=loss, seed=number)
            optimizer.step()
    assert whole.get_buffer("1.num_batches_tracked") == 5
    theirs = divided.state_dict()
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(theirs[key], value, rtol=1e-10, atol=1e-10, msg=key)


def test_a_loss_that_compares_the_images_of_a_batch() -> None:
    class Ranking(nn.Module):
        """Every image of a higher class is to be above every one of a lower class."""

        def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
            gaps = logits[:, None, 0] - logits[None, :, 0]
            wrong = targets[:, None] > targets[None, :]
            return nn.functional.softplus(-gaps)[wrong].mean()

    x, targets = batch(9)
    whole = begun(small, x)
    divided = copy.deepcopy(whole)
    step(whole, x, targets, micro_batch=None, loss=Ranking())
    step(divided, x, targets, micro_batch=4, loss=Ranking())
    assert_same(whole, divided)


@pytest.mark.parametrize("make", [small, lambda: CXNetM1(outputs=3)], ids=["small", "cxnet"])
def test_in_float32_it_is_as_near_the_truth_as_the_whole_batch(
    make: Callable[[], nn.Module],
) -> None:
    x, targets = batch(8, side=16)
    truth = begun(make, x)
    whole, divided = (copy.deepcopy(truth).float() for _ in range(2))
    step(truth, x, targets, micro_batch=None)
    step(whole, x.float(), targets, micro_batch=None)
    step(divided, x.float(), targets, micro_batch=3)

    def error(network: nn.Module) -> float:
        return float((gradient(network) - gradient(truth)).norm())

    assert 0 < error(divided) < 3 * error(whole)


@pytest.mark.parametrize("make", [lambda: CXNetM1(outputs=3), plain_average], ids=["cxnet", "1d"])
def test_under_autocast_it_is_the_same_up_to_bfloat16(make: Callable[[], nn.Module]) -> None:
    x, targets = batch(8, side=16)
    x = x.float()
    whole = begun(make, x)
    divided = copy.deepcopy(whole)
    step(whole, x, targets, micro_batch=None, precision="bfloat16")
    step(divided, x, targets, micro_batch=3, precision="bfloat16")
    assert (gradient(whole) - gradient(divided)).norm() < 2e-2 * gradient(whole).norm()
    for a, b in zip(whole.buffers(), divided.buffers(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_never_more_images_at_once_than_said() -> None:
    seen: set[int] = set()

    class Counting(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            seen.add(len(images))
            return images

    x, targets = batch(32)
    network = begun(lambda: nn.Sequential(Counting(), small()), x)
    seen.clear()
    step(network, x, targets, micro_batch=10)
    assert seen == {10, 2}


def test_frozen_batch_norms_and_weights_stay_as_they_are() -> None:
    x, targets = batch(7)
    whole = begun(small, x)
    assert isinstance(whole, nn.Sequential)
    for module in (whole[0], whole[1]):
        module.requires_grad_(False).eval()
    divided = copy.deepcopy(whole)
    step(whole, x, targets, micro_batch=None)
    step(divided, x, targets, micro_batch=3)
    assert_same(whole, divided)
    assert divided.get_parameter("0.weight").grad is None
    assert divided.get_buffer("1.num_batches_tracked") == 1
    assert divided.get_buffer("6.num_batches_tracked") == 2


def test_weight_standardisation_is_no_batch_norm_of_images() -> None:
    """It calls batch norm on the weights; a pass for each would be wasted."""
    passes = 0

    class Counting(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            nonlocal passes
            passes += 1
            return images

    def make() -> nn.Module:
        return nn.Sequential(
            Counting(), StdConv2d(1, 4, 3), StdConv2d(4, 4, 3), nn.Flatten(), nn.LazyLinear(3)
        )

    x, targets = batch(6)
    whole = begun(make, x)
    divided = copy.deepcopy(whole)
    step(whole, x, targets, micro_batch=None)
    passes = 0
    step(divided, x, targets, micro_batch=1)
    assert passes == 2 * 6
    assert_same(whole, divided)


class Smoothed(nn.Module):
    """Keeps a mean of what it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        self.get_buffer("seen").lerp_(images.detach().mean(), 0.1)
        return images.mean(dim=(2, 3)).repeat(1, 3)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        rows = images[:, 0]
        answer: Tensor = self.attention(rows, rows, rows, need_weights=False)[0][:, 0, :3]
        return answer


class OncePerBatch(nn.Module):
    """Draws whether to skip a layer, once for all images."""

    def forward(self, images: Tensor) -> Tensor:
        kept = images.new_empty(1).bernoulli_(0.5)
        return kept * images.mean(dim=(2, 3)).repeat(1, 3)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (
            lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(3), nn.AlphaDropout(0.1)),
            r"draws random numbers by torch\.nn\.functional\.alpha_dropout",
        ),
        (
            Attention,
            r"draws random numbers by torch\.nn\.functional\.multi_head_attention_forward",
        ),
        (OncePerBatch, r"draws random numbers for a tensor of the shape \(1,\)"),
        (Smoothed, "changes its buffer seen"),
    ],
    ids=["alpha dropout", "attention", "once per batch", "buffer"],
)
def test_what_only_a_whole_batch_can_do_is_refused(
    make: Callable[[], nn.Module], what: str
) -> None:
    x, targets = batch(6)
    network = begun(make, x)
    with pytest.raises(
        TrainingFailedError,
        match=rf"^the network {what}, which cannot be trained in micro-batches: "
        r"try a smaller train\.batch_size or data\.image_size, or a device with more memory$",
    ):
        step(network, x, targets, micro_batch=3)


def test_a_batch_norm_for_some_images_only_is_refused() -> None:
    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(1)

        def forward(self, images: Tensor) -> Tensor:
            x = self.norm(images) if images[0, 0, 0, 0] > 0 else images
            return x.mean(dim=(2, 3)).repeat(1, 3)

    x, targets = batch(6)
    network = begun(Sometimes, x)
    x[:, 0, 0, 0] = torch.tensor([1.0, 1, 1, -1, -1, -1])
    with pytest.raises(TrainingFailedError, match="more often for some images than for others"):
        step(network, x, targets, micro_batch=3)
