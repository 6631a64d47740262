"""Compiled networks on a CPU: with torch's tracing alone, and slowly with its compiler."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.config.schema import TrainConfig
from bench.errors import InputError
from bench.speed.case import Case
from bench.speed.measure import measure
from bench.train import checkpoint
from bench.train.history import Training
from tests.bench.train import small
from tests.bench.train.small import CPU, Messages, losses, taken

CONFIG = TrainConfig(
    lr=0.01, batch_size=8, max_iterations=6, validate_every=3, patience=9, compile=True
)
PLAIN = CONFIG.model_copy(update={"compile": False})
PARTS = small.images(48, side=8), small.images(16, side=8)
Choose = Callable[[Any], None]


@pytest.fixture
def with_backend(monkeypatch: pytest.MonkeyPatch) -> Choose:
    """Has ``torch.compile`` hand what it traced to another backend than its slow own one."""
    plain: Callable[..., Any] = torch.compile

    def choose(backend: Any) -> None:
        monkeypatch.setattr(
            torch, "compile", lambda network, **options: plain(network, backend=backend, **options)
        )

    return choose


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    )  # fmt: skip


def trained(folder: Path, *, config: TrainConfig = CONFIG, **options: Any) -> Training:
    return small.trained(network(), folder, PARTS, config=config, **options)


def interrupt(_: object) -> None:
    """Ends a training when its first validation is stored."""
    raise KeyboardInterrupt


def test_a_compiled_run_has_the_plain_ones_history(tmp_path: Path, with_backend: Choose) -> None:
    with_backend("aot_eager")
    plain = trained(tmp_path / "plain", config=PLAIN)
    assert plain.compile_seconds == 0.0
    messages = Messages()
    compiled = trained(tmp_path / "compiled", messages=messages)
    assert messages.notes == ["the network is compiled in the first step, which may take minutes"]
    assert losses(compiled.history) == pytest.approx(losses(plain.history), rel=1e-5)
    # What compiling took is no part of the training's seconds: six steps of a tiny network.
    assert 0 < compiled.train_seconds < compiled.compile_seconds


def test_every_network_of_a_class_is_compiled(with_backend: Choose) -> None:
    """By itself torch gives up after eight, which a run of ten seeds would reach."""
    seen = 0

    def count(graph: torch.fx.GraphModule, _: object) -> Callable[..., Any]:
        nonlocal seen
        seen += 1
        return graph.forward

    with_backend(count)
    for number in range(1, 11):
        small.step_of(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), CONFIG, side=8)(0)
        assert seen == number


def test_a_compiled_networks_training_leaves_nothing_behind(
    tmp_path: Path, with_backend: Choose
) -> None:
    with_backend("aot_eager")
    model = network()
    left = weakref.ref(model)
    small.trained(model, tmp_path, PARTS, config=CONFIG)
    del model
    gc.collect()
    assert left() is None


class Renames(nn.Module):
    """Another function at every call, as far as torch can tell."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = network()
        self.name = "x"

    def forward(self, x: Tensor) -> Tensor:
        self.name += "x"
        logits: Tensor = self.layers(x)
        return logits * (1 + 0 * len(self.name))


class Breaks(nn.Module):
    """A network of which torch would compile parts."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = network()

    def forward(self, x: Tensor) -> Tensor:
        torch._dynamo.graph_break()
        logits: Tensor = self.layers(x)
        return logits


def refuse(_graph: torch.fx.GraphModule, _: object) -> Callable[..., Any]:
    raise RuntimeError("no compiler")


@pytest.mark.parametrize(
    ("model", "backend", "reason"),
    [
        (network, refuse, "RuntimeError: no compiler"),
        (Breaks, "eager", ".*"),
        (Renames, "eager", ".*limit.*"),
    ],
)
def test_a_network_that_is_not_compiled_whole_is_not_trained_otherwise(
    model: Callable[[], nn.Module], backend: Any, reason: str, with_backend: Choose
) -> None:
    with_backend(backend)
    step = small.step_of(model(), CONFIG, side=8)
    # Some of timm's optimisers raise the limit for the whole process when they are imported.
    with (
        torch._dynamo.config.patch(recompile_limit=3),
        pytest.raises(
            InputError, match=rf"cannot be compiled here: {reason} \(train\.compile=false"
        ),
    ):
        taken(step, range(4))


def test_compiling_that_is_switched_off_is_no_compiled_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch._dynamo.config.patch(disable=True), pytest.raises(InputError, match="_DISABLE is"):
        trained(tmp_path)
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")
    with pytest.raises(InputError, match="_DISABLE is"):
        trained(tmp_path)


def test_a_resumed_run_counts_the_compiling_of_both_processes(
    tmp_path: Path, with_backend: Choose
) -> None:
    with_backend("eager")
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, on_validation=interrupt)
    stored = checkpoint.load(tmp_path / checkpoint.LAST, device=CPU)
    assert stored is not None
    assert stored["compile_seconds"] > 0.0
    assert trained(tmp_path).compile_seconds > stored["compile_seconds"]


def test_memory_that_runs_out_ends_a_compiled_run_and_not_its_checkpoint(
    tmp_path: Path, with_backend: Choose
) -> None:
    def no_memory(_graph: torch.fx.GraphModule, _: object) -> Callable[..., Any]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with_backend("eager")
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, on_validation=interrupt)
    with_backend(no_memory)
    with pytest.raises(
        InputError, match=r"8 images of 8 px.*train\.micro_batch=4 and train\.compile=false"
    ):
        trained(tmp_path)
    assert checkpoint.resumable(tmp_path)


def test_compiling_micro_batches_is_refused() -> None:
    with pytest.raises(ValueError, match="compile takes whole batches: leave micro_batch out"):
        TrainConfig(batch_size=8, micro_batch=4, compile=True)
    assert TrainConfig(batch_size=8, micro_batch=8, compile=True).compile


def test_bench_speed_compiles_where_it_is_asked_to(with_backend: Choose) -> None:
    with_backend("eager")
    case = Case(model="cxnet_m1", image_size=8, batch_size=2, device="cpu", compiled=True)
    measured = measure(case, repeats=1, block_seconds=0.01)
    assert measured.compile_seconds is not None


@pytest.mark.slow
def test_torchs_own_compiler_takes_the_same_steps() -> None:
    plain, compiled = (small.step_of(network(), c, side=8) for c in (PLAIN, CONFIG))
    assert taken(compiled, range(4)) == pytest.approx(taken(plain, range(4)), rel=1e-5)
