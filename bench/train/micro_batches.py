"""One training step in micro-batches: the gradients of the whole batch, a few images at a time.

What a network does to each image by itself can be done to any number at once, and the gradients
add up. Three things look at the batch as a whole. Each is given what the whole batch would have
given it, so that the step is that of the whole batch up to rounding:

- **Batch norm** divides by statistics of the whole batch, and gradients flow through them. The
  statistics of the first call are gathered from all micro-batches, those of the second with the
  first given, and so on (Chan, Golub and LeVeque 1983 combine them). Backward, from the last
  call to the first, the gradient that the whole batch sends to a call's mean and variance is
  summed, and then sent on to the inputs of the call. Running statistics move once a step, by the
  whole batch's statistics.
- **Dropout** (and stochastic depth) draws for the whole batch and takes its own images' rows.
- **The loss** sees the logits of the whole batch at once; their gradient is handed out in parts.

The price is computation. Forward passes stop at the batch norm they are made for; counted in
forward passes of the whole batch, with a backward pass as two of them and batch norms evenly
spread, a network with J batch norms takes about 4 + 2J where the plain step takes 3. CXNet-m1
has a single one, near its end: twice the plain step. A ResNet-18 has 20, about 15 times; a
ResNet-50 has 53, more than 30 times: there smaller images or a larger device are the better way
out. Memory is that of one micro-batch, and while a dropout draws, up to three times what that
layer returns for the whole batch.

What cannot be reproduced is refused: any other call that draws random numbers (dropout inside
attention, alpha dropout), and buffers of other layers that change in training. What cannot be
noticed here is a network that mixes images by plain arithmetic (a mean over the batch), or
draws from a generator of its own: such a network is not for micro-batches. Draws are taken to
be for images along the first dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from bench.config.schema import Precision
from bench.train.autocast import autocast
from bench.train.failure import TrainingFailedError
from bench.train.random_state import seed_step

# They scale each activation by 0 or 1 / (1 - p), so that their answer to ones is their mask.
_DROPOUTS = (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d)


def backward(
    network: nn.Module,
    loss: nn.Module,
    images: Tensor,
    targets: Tensor,
    *,
    micro_batch: int,
    precision: Precision,
    seed: int,
) -> Tensor:
    """Add the gradients of a batch's loss to the network's, as one backward pass would.

    Running statistics of batch norms move as in one forward pass.

    Args:
        network: in training mode, on the device of the images.
        loss: from (logits, targets) of the whole batch to a scalar.
        images: (n, channels, side, side) float.
        targets: (n,) or (n, outputs).
        micro_batch: most images at once; the last micro-batch may have fewer.
        precision: ``bfloat16`` for autocast, ``float32`` for none.
        seed: of torch's global generator, which the whole batch's forward pass would begin with.

    Returns:
        The loss, a scalar without gradient.

    Raises:
        TrainingFailedError: the network does something that only a whole batch can do.
    """
    step = _Step(
        network=network,
        images=images,
        parts=[
            slice(start, min(start + micro_batch, len(images)))
            for start in range(0, len(images), micro_batch)
        ],
        precision=precision,
        seed=seed,
    )
    logits = step.forward().requires_grad_()
    with autocast(images.device, precision):
        value: Tensor = loss(logits, targets)
    torch.autograd.backward(value)
    if logits.grad is not None:
        step.backward(logits.grad)
    step.move_running_statistics()
    return value.detach()


@dataclass(frozen=True, kw_only=True)
class _Moments:
    """Count, mean and (biased) variance of each channel of a batch norm's input."""

    count: int
    mean: Tensor
    variance: Tensor

    def __add__(self, other: _Moments) -> _Moments:
        count = self.count + other.count
        share = other.count / count
        shift = other.mean - self.mean
        return _Moments(
            count=count,
            mean=self.mean + share * shift,
            variance=self.variance * (1 - share)
            + other.variance * share
            + shift.square() * (share * (1 - share)),
        )


@dataclass(frozen=True, kw_only=True)
class _Norm:
    """One call of batch norm on the whole batch.

    Attributes:
        moments: of its input; mean and variance are leaves that gather gradients.
        running: the layer's running mean and variance, where it keeps them.
        momentum: with which they move.
    """

    moments: _Moments
    running: tuple[Tensor, Tensor] | None
    momentum: float

    def take_gradient(self) -> Callable[[Tensor], Tensor]:
        """What the statistics send on to the call's input: from any rows of it to their gradient.

        The gradient that the statistics gathered is taken out of them.
        """
        moments = self.moments
        to_mean, to_variance = (
            torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
            for leaf in (moments.mean, moments.variance)
        )
        moments.mean.grad = moments.variance.grad = None

        @torch.no_grad()
        def gradient(x: Tensor) -> Tensor:
            shape = [1, -1] + [1] * (x.ndim - 2)
            # The mean of the whole batch is where its variance is least: no term through it.
            slope = (2 / moments.count * to_variance).reshape(shape)
            offset = (to_mean / moments.count).reshape(shape)
            centred = x.to(slope.dtype) - moments.mean.reshape(shape)
            return centred.mul_(slope).add_(offset).to(x.dtype)

        return gradient

    @torch.no_grad()
    def move_running_statistics(self) -> None:
        if self.running is None:
            return
        count = self.moments.count
        unbiased = self.moments.variance * (count / (count - 1))
        for running, new in zip(self.running, (self.moments.mean, unbiased), strict=True):
            running.lerp_(new.to(running.dtype), self.momentum)


class _Step:
    """The forward and backward passes of one step, over its micro-batches."""

    def __init__(
        self,
        *,
        network: nn.Module,
        images: Tensor,
        parts: Sequence[slice],
        precision: Precision,
        seed: int,
    ) -> None:
        self._network = network
        self._images = images
        self._parts = parts
        self._precision: Precision = precision
        self._seed = seed
        self._norms: list[_Norm] = []
        # Every pass begins with the same counters of steps; afterwards they stand at `_counted`.
        self._counters = [buffer for name, buffer in network.named_buffers() if _is_counter(name)]
        self._counts = [counter.clone() for counter in self._counters]
        self._counted = self._counts

    @torch.no_grad()
    def forward(self) -> Tensor:
        """Find the statistics of every batch norm, and the logits of the whole batch."""
        before = {name: (id(buffer), buffer._version) for name, buffer in self._others()}
        while True:
            passes = [self._run(part) for part in self._parts]
            if all(one.found is None for one in passes):
                break
            found = [one.found for one in passes if one.found is not None]
            if len(found) < len(passes):
                raise _refusal("calls batch norm more often for some images than for others")
            moments = reduce(add, (norm.moments for norm in found))
            moments.mean.requires_grad_()
            moments.variance.requires_grad_()
            self._norms.append(replace(found[0], moments=moments))
        self._counted = [counter.clone() for counter in self._counters]
        for name, buffer in self._others():
            if (id(buffer), buffer._version) != before.get(name):
                raise _refusal(f"changes its buffer {name}")
        return torch.cat([one.complete() for one in passes])

    def backward(self, gradient: Tensor) -> None:
        """Send the gradient of the whole batch's logits back to the parameters."""
        if not self._norms:
            for part in self._parts:
                torch.autograd.backward([self._run(part).complete()], [gradient[part]])
            return
        last = len(self._norms) - 1
        # What reaches the last statistics comes from all images, and every image's gradient
        # needs it: it is gathered first, by backward passes that end there.
        leaves = [self._norms[last].moments.mean, self._norms[last].moments.variance]
        for part in self._parts:
            # A pass has no name in these loops, so that it is gone before the next one begins.
            torch.autograd.backward([self._run(part).complete()], [gradient[part]], inputs=leaves)
        through = self._norms[last].take_gradient()
        for part in self._parts:
            _send_back(self._run(part, keep=last), through, gradient[part])
        for place in reversed(range(last)):
            through = self._norms[place].take_gradient()
            for part in self._parts:
                _send_back(self._run(part, keep=place, stop=True), through)

    @torch.no_grad()
    def move_running_statistics(self) -> None:
        """Leave running statistics and counters as one pass of the whole batch would."""
        for norm in self._norms:
            norm.move_running_statistics()
        for counter, count in zip(self._counters, self._counted, strict=True):
            counter.copy_(count)

    def _run(self, part: slice, *, keep: int | None = None, stop: bool = False) -> _Pass:
        """Run the network on some rows, as far as the statistics are known.

        Args:
            part: the rows.
            keep: number of the batch norm call whose input is kept.
            stop: end there.
        """
        for counter, count in zip(self._counters, self._counts, strict=True):
            counter.copy_(count)
        images = self._images[part]
        seed_step(self._seed, images.device)
        one = _Pass(
            part,
            of=len(self._images),
            device=images.device,
            norms=self._norms,
            keep=keep,
            stop=stop,
        )
        try:
            with autocast(images.device, self._precision), one:
                one.logits = self._network(images)
        except _StoppedError:
            pass
        return one

    def _others(self) -> Iterator[tuple[str, Tensor]]:
        """The buffers that no layer known here changes in training."""
        return ((n, b) for n, b in self._network.named_buffers() if not _is_counter(n))


class _StoppedError(Exception):
    """A forward pass ended where it was meant to."""


class _Pass(TorchFunctionMode):
    """Shows a network a micro-batch as if the whole batch were there.

    Attributes:
        logits: what the network answered; None where the pass was stopped before.
        found: the batch norm call after the last of ``norms``, with the moments of these rows;
            it stops the pass.
        kept: the input of the batch norm call that was to be kept.
    """

    def __init__(
        self,
        part: slice,
        *,
        of: int,
        device: torch.device,
        norms: Sequence[_Norm],
        keep: int | None,
        stop: bool,
    ) -> None:
        super().__init__()
        self.logits: Tensor | None = None
        self.found: _Norm | None = None
        self.kept: Tensor
        self._part = part
        self._images = of
        self._device = device
        self._norms = norms
        self._keep = keep
        self._stop = stop
        self._calls = 0

    def complete(self) -> Tensor:
        """The logits, of a pass that nothing stopped."""
        if self.logits is None:
            raise _refusal("calls batch norm a different number of times from pass to pass")
        return self.logits

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called by torch instead of each of its functions; within it torch calls them plainly."""
        kwargs = kwargs or {}
        if func is F.batch_norm:
            return self._batch_norm(*args, **kwargs)
        if func in _DROPOUTS:
            return self._dropout(func, *args, **kwargs)
        if func is Tensor.bernoulli_:
            return self._bernoulli(*args, **kwargs)
        before = _random_states(self._device)
        result = func(*args, **kwargs)
        if _random_states(self._device) != before:
            raise _refusal(f"draws random numbers by {resolve_name(func) or func}")
        return result

    def _batch_norm(
        self,
        x: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training or _is_parameter(x):
            return F.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
        place = self._calls
        self._calls += 1
        if place == len(self._norms):
            running = None
            if running_mean is not None and running_var is not None:
                running = (running_mean, running_var)
            self.found = _Norm(moments=_moments(x), running=running, momentum=momentum)
            raise _StoppedError
        if place == self._keep:
            self.kept = x
            if self._stop:
                raise _StoppedError
        moments = self._norms[place].moments
        normalised: Tensor = _Normalise.apply(x, moments.mean, moments.variance, weight, bias, eps)
        return normalised

    def _dropout(
        self,
        func: Callable[..., Tensor],
        x: Tensor,
        p: float = 0.5,
        training: bool = True,
        inplace: bool = False,
    ) -> Tensor:
        if not training or _is_parameter(x):
            return func(x, p, training, inplace)
        whole, rows = self._whole(x)
        # Drawn in place or not as the network asks, since on a GPU these draw differently. A
        # copy, so that the graph keeps no more than these rows.
        mask = func(whole.fill_(1), p, True, inplace)[rows].clone()
        return x.mul_(mask) if inplace else x * mask

    def _bernoulli(
        self, x: Tensor, p: float | Tensor = 0.5, generator: torch.Generator | None = None
    ) -> Tensor:
        if isinstance(p, Tensor) or generator is not None:
            raise _refusal("draws random numbers by Tensor.bernoulli_ of a tensor or a generator")
        whole, rows = self._whole(x)
        return x.copy_(whole.bernoulli_(p)[rows])

    def _whole(self, x: Tensor) -> tuple[Tensor, slice]:
        """An empty tensor like some rows', but for the whole batch, and which rows they are."""
        each, rest = divmod(len(x), self._part.stop - self._part.start)
        if rest:
            raise _refusal(f"draws random numbers for a tensor of the shape {tuple(x.shape)}")
        # The same order in memory too: it is the order in which torch draws.
        order = sorted(range(x.ndim), key=x.stride, reverse=True)
        shape = (each * self._images, *x.shape[1:])
        whole = torch.empty_permuted(shape, order, dtype=x.dtype, device=x.device)
        return whole, slice(each * self._part.start, each * self._part.stop)


def _send_back(
    one: _Pass, through: Callable[[Tensor], Tensor], gradient: Tensor | None = None
) -> None:
    """Backward from the input that a pass kept, and from its logits where their gradient is given.

    Args:
        one: the pass.
        through: from the kept input to the gradient that comes through its statistics.
        gradient: of the logits.
    """
    roots, gradients = [], []
    if one.kept.requires_grad:
        roots.append(one.kept)
        gradients.append(through(one.kept))
    if gradient is not None:
        roots.append(one.complete())
        gradients.append(gradient)
    if roots:
        torch.autograd.backward(roots, gradients)


class _Normalise(torch.autograd.Function):
    """Batch norm with given statistics, which get gradients too."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        mean: Tensor,
        variance: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(x, mean, variance, weight)
        ctx.eps = eps
        ctx.has_bias = bias is not None
        return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, mean, variance, weight = ctx.saved_tensors
        to_x, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        # With y = weight * (x - mean) * inverse + bias, and inverse = (variance + eps) ** -0.5,
        # the sums over all positions are those of the weight and the bias.
        inverse = (variance + ctx.eps).rsqrt()
        scale = inverse if weight is None else inverse * weight
        to_mean = -scale * to_bias
        to_variance = -0.5 * scale * inverse * to_weight
        return (
            to_x,
            to_mean,
            to_variance,
            None if weight is None else to_weight,
            to_bias if ctx.has_bias else None,
            None,
        )


def _moments(x: Tensor) -> _Moments:
    """Of each channel of a (rows, channels, ...) tensor, in float32 at least."""
    axes = [axis for axis in range(x.ndim) if axis != 1]
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    variance, mean = torch.var_mean(wide, axes, correction=0)
    return _Moments(count=x.numel() // x.shape[1], mean=mean, variance=variance)


def _is_parameter(x: Tensor) -> bool:
    """Whether a tensor is a parameter or a view of one, in which there are no images.

    Weight standardisation is a batch norm of such a view.
    """
    return isinstance(x, nn.Parameter) or isinstance(x._base, nn.Parameter)


def _is_counter(name: str) -> bool:
    """Whether a buffer is a batch norm's count of its steps."""
    return name.rpartition(".")[2] == "num_batches_tracked"


def _random_states(device: torch.device) -> list[bytes]:
    """Of torch's global generators for the host and the device, which change with every draw."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return [state.numpy().tobytes() for state in states]


def _refusal(what: str) -> TrainingFailedError:
    return TrainingFailedError(
        f"the network {what}, which cannot be trained in micro-batches: try a smaller "
        "train.batch_size or data.image_size, or a device with more memory"
    )
