"""What one image costs a network in arithmetic and in memory traffic, and the limit they set.

Counted are the network's products: convolutions, matrix products and attention. A product of the
forward pass reads an input and weights and writes an output. Training does three products of the
same three parts: the forward one, the gradient of the input (from those of the output and the
weights) and the gradient of the weights (from those of the output and the input). So each of them
takes, for an image in a batch of B,

    arithmetic = 2 × multiply-adds
    bytes      = (input + output + weights / B) × bytes of an element

and training takes three times as much as the forward pass; twice for a product that reads the
image itself, of which no gradient is wanted. Once a step the optimiser (SGD with momentum) reads
gradient, weight and momentum and writes the last two: 5 × parameters / B × 4 bytes, in float32.

All other layers (norms, activations, pooling, dropout) are taken to be computed while a product
before or after them reads or writes: this is the least traffic of kernels that do one product
each. The layers of today's libraries move several times as much. The limit is a roofline
(Williams, Waterman, Patterson 2009) for each product by itself:

    seconds an image = Σ max(arithmetic / rate, bytes / bandwidth)

over the products and the optimiser. The bandwidth is that of the device's memory; where whole
layers stay in a cache, as small images do on a CPU, traffic costs less than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

from bench.config.schema import Precision
from bench.costs import watch_one_image
from bench.errors import InputError
from bench.registry import ModelEntry

aten = torch.ops.aten

FLOAT32_BYTES = 4
_ELEMENT_BYTES = {"float32": FLOAT32_BYTES, "bfloat16": 2}
_OPTIMISER_PASSES = 5
# The place of the weights among the arguments: a convolution's may be computed from a parameter.
_CONVOLUTIONS = (aten.convolution, aten._convolution)


@dataclass(frozen=True, kw_only=True)
class Product:
    """One convolution, matrix product or attention of a forward pass of one image.

    Attributes:
        multiply_adds: of the forward pass.
        activations: elements that belong to the image: inputs read and output written.
        weights: elements that all images of a batch share.
        reads_image: no gradient of its input is wanted.
    """

    multiply_adds: int
    activations: int
    weights: int
    reads_image: bool

    @property
    def in_training(self) -> int:
        """How many products of this size a training step has."""
        return 2 if self.reads_image else 3


@dataclass(frozen=True, kw_only=True)
class Ceilings:
    """What a device can do at best.

    Attributes:
        flops: additions and multiplications a second.
        bandwidth: bytes a second to and from its memory, read and written together.
    """

    flops: float
    bandwidth: float


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The least time of one image.

    Attributes:
        flop: additions and multiplications of an image.
        traffic: bytes moved for an image.
        arithmetic_seconds: of an image, were there no traffic.
        traffic_seconds: of an image, were there no arithmetic.
        seconds: of an image; each product takes the longer of its two.
    """

    flop: float
    traffic: float
    arithmetic_seconds: float
    traffic_seconds: float
    seconds: float

    @property
    def images_per_second(self) -> float:
        """No more are possible."""
        return 1.0 / self.seconds


@dataclass(frozen=True, kw_only=True)
class Work:
    """The products of one image's forward pass, in order.

    Attributes:
        products: with the shapes of a batch of one.
        parameters: number of the network's parameters; all are taken to be trained.
    """

    products: tuple[Product, ...]
    parameters: int

    @property
    def multiply_adds(self) -> int:
        """Of an image's forward pass."""
        return sum(product.multiply_adds for product in self.products)

    def training_limit(self, ceilings: Ceilings, *, batch_size: int, precision: Precision) -> Limit:
        """The least time of an image in a training step.

        Args:
            ceilings: of the device, in this precision.
            batch_size: images a step.
            precision: ``float32`` or ``bfloat16``, of inputs, outputs and weights in products.
        """
        optimiser = _OPTIMISER_PASSES * FLOAT32_BYTES * self.parameters / batch_size
        pieces = (
            (one.in_training * flop, one.in_training * traffic)
            for one, (flop, traffic) in zip(
                self.products, self._forward(batch_size, precision), strict=True
            )
        )
        return _roofline([*pieces, (0.0, optimiser)], ceilings)

    def inference_limit(
        self, ceilings: Ceilings, *, batch_size: int, precision: Precision
    ) -> Limit:
        """The least time of an image in a forward pass; arguments as in training."""
        return _roofline(self._forward(batch_size, precision), ceilings)

    def _forward(self, batch_size: int, precision: Precision) -> list[tuple[float, float]]:
        """Arithmetic and bytes of an image in each product."""
        size = _ELEMENT_BYTES[precision]
        return [
            (2.0 * one.multiply_adds, size * (one.activations + one.weights / batch_size))
            for one in self.products
        ]


def count_work(entry: ModelEntry, *, in_channels: int, image_size: int, outputs: int = 2) -> Work:
    """Count a network's products, on torch's meta device where it lets itself.

    Args:
        entry: the registered network.
        in_channels: 1 (grayscale) or 3.
        image_size: side of the square input in pixels.
        outputs: number of logits.

    Raises:
        InputError: the network cannot take the size, fails on such an image, or has no product:
            nothing would limit its speed.
    """
    network, products = watch_one_image(
        entry, _Products, in_channels=in_channels, outputs=outputs, image_size=image_size
    )
    if not products.found:
        raise InputError(
            f"model {entry.name!r} computes no convolution, matrix product or attention: nothing "
            "limits its speed"
        )
    return Work(
        products=tuple(products.found), parameters=sum(p.numel() for p in network.parameters())
    )


def _roofline(pieces: Iterable[tuple[float, float]], ceilings: Ceilings) -> Limit:
    flop = traffic = seconds = 0.0
    for arithmetic, moved in pieces:
        flop += arithmetic
        traffic += moved
        seconds += max(arithmetic / ceilings.flops, moved / ceilings.bandwidth)
    return Limit(
        flop=flop,
        traffic=traffic,
        arithmetic_seconds=flop / ceilings.flops,
        traffic_seconds=traffic / ceilings.bandwidth,
        seconds=seconds,
    )


class _Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records the products that a network computes from one image.

    Args:
        network: the network.
        image: the batch of one that passes through it.
    """

    def __init__(self, network: nn.Module, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[Product] = []
        self._image = _storage(image)
        held = (*network.parameters(), *network.buffers())
        self._shared = {_storage(tensor) for tensor in held}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called by torch instead of each of its operations; within it torch computes plainly."""
        kwargs = kwargs or {}
        operation = func.overloadpacket
        if operation is aten.scaled_dot_product_attention:
            # Not taken apart as other operations are: its matrix of weights need not be stored.
            output = func(*args, **kwargs)
            flop: int = sdpa_flop_count(*(x.shape for x in args[:3]))  # type: ignore[no-untyped-call]
            self._add(flop, args[:3], output)
            return output
        if operation in flop_registry:
            output = func(*args, **kwargs)
            count: Callable[..., int] = flop_registry[operation]
            self._add(count(*args, **kwargs, out_val=output), args, output, operation=operation)
            return output
        with self:
            output = func.decompose(*args, **kwargs)
        return func(*args, **kwargs) if output is NotImplemented else output

    def _add(
        self, flop: int, args: tuple[Any, ...], output: Any, *, operation: object = None
    ) -> None:
        activations = output.numel()
        weights = 0
        reads_image = False
        for place, operand in enumerate(args):
            if not isinstance(operand, Tensor):
                continue
            storage = _storage(operand)
            reads_image |= storage == self._image
            if storage in self._shared or (operation in _CONVOLUTIONS and place > 0):
                weights += operand.numel()
            else:
                activations += operand.numel()
        self.found.append(
            Product(
                # torch counts a multiplication and an addition as two.
                multiply_adds=flop // 2,
                activations=activations,
                weights=weights,
                reads_image=reads_image,
            )
        )


def _storage(tensor: Tensor) -> int:
    """Names the memory that a tensor is a view of; a tensor without numbers has such a name too."""
    name: int = tensor.untyped_storage()._cdata
    return name
