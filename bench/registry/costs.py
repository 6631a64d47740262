"""Costs of a network: its parameters, and the multiply-adds of one image.

Counted on torch's meta device, which has shapes and no numbers. Counting needs torch, which
takes seconds to import, so the figures of built-in networks are cached; ``bench list models``
answers at once. A plugin's networks can change under their name and are always counted.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cache import add_facts, read_facts
from bench.errors import InputError, first_line
from bench.registry.core import comes_from_plugin
from bench.registry.models import ModelEntry, NetworkShape

if TYPE_CHECKING:
    from torch import nn

COSTS = "model_costs"
SOURCES = "weights_sources"


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Costs of a network at an input size."""

    parameters: int  # number of parameters, trained or not
    # Of one image's forward pass, in convolutions, matrix products and attention; norms,
    # activations and pooling are not counted.
    multiply_adds: int


def model_costs(entry: ModelEntry, shape: NetworkShape) -> Costs:
    """Count a network's costs; arguments and errors are those of :func:`check_answer`."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    network = check_answer(entry, shape, context=counter)
    return Costs(
        parameters=sum(p.numel() for p in network.parameters()),
        # torch counts a multiplication and an addition as two.
        multiply_adds=counter.get_total_flops() // 2,
    )


def check_answer(
    entry: ModelEntry, shape: NetworkShape, *, context: AbstractContextManager[object] | None = None
) -> nn.Module:
    """Check that a network takes such images and answers with logits.

    One image passes through it, without computing anything where that is possible.

    Returns:
        The network, in evaluation mode, on the device that it was tried on.

    Raises:
        InputError: the network cannot take the size or the options, fails on such an image, or
            answers with another shape than (images, outputs).
    """
    # A plugin may look at numbers, which the meta device does not have.
    for device in ("meta", "cpu"):
        try:
            return _answering(entry, shape, context or nullcontext(), device=device)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            fault = error
    image = f"{shape.in_channels}×{shape.image_size}×{shape.image_size}"
    raise InputError(
        f"model {entry.name!r} fails on an image of {image}: {first_line(fault)}"
    ) from fault


def _answering(
    entry: ModelEntry, shape: NetworkShape, context: AbstractContextManager[object], *, device: str
) -> nn.Module:
    """The network on a device, after one image got logits of the right shape from it."""
    import torch

    # The caller's random state is left as it was; figures do not depend on it.
    with torch.random.fork_rng(devices=[]), torch.device(device):
        network = entry.build(shape).eval()
    image = torch.zeros(1, shape.in_channels, shape.image_size, shape.image_size, device=device)
    with torch.inference_mode(), context:
        logits = network(image)
    found = tuple(getattr(logits, "shape", ()))
    if found != (1, shape.outputs):
        answer = f"shape {found}" if found else f"a {type(logits).__name__}"
        raise InputError(
            f"model {entry.name!r} answers one image with {answer}, not with logits of shape "
            f"(1, {shape.outputs})"
        )
    return network


def listed_costs(
    entries: Sequence[ModelEntry],
    shape: NetworkShape,
    *,
    on_counted: Callable[[int], None] = lambda _done: None,
) -> dict[str, Costs | str]:
    """The costs of several networks, without torch where all are in the cache.

    Args:
        entries: the networks, with their default options.
        on_counted: called with the number of networks that are done.

    Returns:
        Costs by the entry's name; the reason for a network that cannot take such images.
    """
    known = read_facts(COSTS)
    counted: dict[str, Any] = {}
    costs: dict[str, Costs | str] = {}
    for done, entry in enumerate(entries, start=1):
        key = _key(entry.name, shape.in_channels, shape.outputs, shape.image_size)
        cached = not comes_from_plugin(entry.source)
        try:
            entry.check_image_size(shape.image_size)
            found = _costs_of(known.get(key)) if cached else None
            if found is None:
                found = model_costs(entry, shape)
                if cached:
                    counted[key] = asdict(found)
            costs[entry.name] = found
        except InputError as error:
            costs[entry.name] = str(error)
        on_counted(done)
    if counted:
        add_facts(COSTS, counted)
    return costs


def _costs_of(fact: Any) -> Costs | None:
    """A cached fact, or None where there is none or someone has spoilt it."""
    try:
        return Costs(**fact)
    except TypeError:
        return None


def weights_here(
    entries: Iterable[ModelEntry], *, weights_dir: Path | None = None
) -> dict[str, bool | None]:
    """Whether each network's pretrained weights are on this machine, without torch if cached.

    Args:
        weights_dir: a folder written by ``bench weights fetch``, looked at as well.

    Returns:
        By the entry's name; None for a network that has no pretrained weights.
    """
    from baselines.weights import WeightsError, WeightsSource, describe_weights, find_weights

    known = read_facts(SOURCES)
    described: dict[str, Any] = {}
    here: dict[str, bool | None] = {}
    for entry in entries:
        here[entry.name] = None
        if entry.timm_name is None:
            continue
        key = _key(entry.timm_name)
        try:
            source = WeightsSource(**known[key])
        except (KeyError, TypeError):
            try:
                source = describe_weights(entry.timm_name)
            except WeightsError:
                continue
            described[key] = asdict(source)
        here[entry.name] = find_weights(source, weights_dir=weights_dir) is not None
    if described:
        add_facts(SOURCES, described)
    return here


def _key(*parts: str | int) -> str:
    return json.dumps([*parts, *versions()])


@cache
def versions(*packages: str) -> tuple[str, ...]:
    """Versions of all that the built-in networks are made of: libraries, and our own source.

    Args:
        packages: others, by name, that are part of it.
    """
    digest = hashlib.sha256()
    for package in ("cxnet", "baselines", *packages):
        # Found, not imported: importing would bring torch.
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder).rglob("*.py")):
                digest.update(path.read_bytes())
    return (metadata.version("torch"), metadata.version("timm"), digest.hexdigest()[:16])
