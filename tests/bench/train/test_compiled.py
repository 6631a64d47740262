"""Compiled networks on a CPU: with torch's tracing alone, and slowly with its compiler."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.config.schema import TrainConfig
from bench.data.batches import ImageSet
from bench.data.normalisation import Normalisation
from bench.data.placement import place_pixels
from bench.errors import InputError
from bench.registry import LOSSES
from bench.speed.case import Case
from bench.speed.measure import measure
from bench.train import Listener, Training, TrainingData, checkpoint, make_step, train
from bench.train.step import Step

SEED = 5
CPU = torch.device("cpu")


@pytest.fixture
def with_backend(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Has ``torch.compile`` hand what it traced to another backend than its slow own one."""
    plain: Callable[..., Any] = torch.compile

    def choose(backend: Any) -> None:
        monkeypatch.setattr(
            torch, "compile", lambda network, **options: plain(network, backend=backend, **options)
        )

    return choose


def images(count: int = 48) -> ImageSet:
    random = np.random.default_rng(count)
    return ImageSet(
        pixels=place_pixels(
            random.integers(0, 256, size=(count, 8, 8), dtype=np.uint8), device=CPU
        ),
        pixel_rows=np.arange(count, dtype=np.int64),
        targets=np.arange(count, dtype=np.int64) % 2,
        normalisation=Normalisation(mean=0.5, std=0.3),
        in_channels=1,
    )


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    )  # fmt: skip


def loss() -> nn.Module:
    made: nn.Module = LOSSES.get("sin").factory(kind="multiclass", class_weights=None)
    return made


def step_of(model: nn.Module, *, compiled: bool = True) -> Step:
    config = TrainConfig(lr=0.01, batch_size=8, compile=compiled)
    return make_step(model.train(), loss(), images(), config=config, seed=SEED)


def trained(
    model: nn.Module,
    folder: Path,
    notes: list[str],
    *,
    on_validation: Callable[[object], None] = lambda _: None,
    **settings: Any,
) -> Training:
    folder.mkdir(exist_ok=True)
    return train(
        model,
        loss(),
        TrainingData(training=images(), validation=images(16), kind="multiclass"),
        config=TrainConfig(
            lr=0.01, batch_size=8, max_iterations=6, validate_every=3, patience=9, **settings
        ),
        seed=SEED,
        folder=folder,
        listener=Listener(on_note=notes.append, on_validation=on_validation),
    )


def interrupt(_: object) -> None:
    """Ends a training when its first validation is stored."""
    raise KeyboardInterrupt


def test_a_compiled_run_has_the_plain_ones_history(
    tmp_path: Path, with_backend: Callable[[Any], None]
) -> None:
    with_backend("aot_eager")
    notes: list[str] = []
    plain = trained(network(), tmp_path / "plain", notes)
    assert (plain.compile_seconds, notes) == (0.0, [])
    compiled = trained(network(), tmp_path / "compiled", notes, compile=True)
    assert compiled.compile_seconds > 0.0
    assert notes == ["the network is compiled in the first step, which may take minutes"]
    for one, other in zip(plain.history, compiled.history, strict=True):
        assert other.train_loss == pytest.approx(one.train_loss, rel=1e-5)
        assert other.validation_loss == pytest.approx(one.validation_loss, rel=1e-5)
    # What compiling took is no part of the training's seconds: six steps of a tiny network.
    assert 0 < compiled.train_seconds < compiled.compile_seconds


def test_every_network_of_a_class_is_compiled(with_backend: Callable[[Any], None]) -> None:
    """By itself torch gives up after eight, which a run of ten seeds would reach."""
    seen = 0

    def count(graph: torch.fx.GraphModule, _: object) -> Callable[..., Any]:
        nonlocal seen
        seen += 1
        return graph.forward

    with_backend(count)
    for number in range(1, 11):
        step_of(network())(0)
        assert seen == number


def test_a_compiled_networks_training_leaves_nothing_behind(
    tmp_path: Path, with_backend: Callable[[Any], None]
) -> None:
    with_backend("aot_eager")
    model = network()
    left = weakref.ref(model)
    trained(model, tmp_path / "one", [], compile=True)
    del model
    gc.collect()
    assert left() is None


def test_a_network_that_cannot_be_compiled_says_how_to_go_on(
    tmp_path: Path, with_backend: Callable[[Any], None]
) -> None:
    def refuse(_graph: torch.fx.GraphModule, _: object) -> Callable[..., Any]:
        raise RuntimeError("no compiler")

    with_backend(refuse)
    expected = r"cannot be compiled here: RuntimeError: no compiler \(train\.compile=false"
    with pytest.raises(InputError, match=expected):
        trained(network(), tmp_path / "one", [], compile=True)


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


def test_a_network_that_is_never_done_compiling_is_not_trained_uncompiled_instead(
    with_backend: Callable[[Any], None],
) -> None:
    with_backend("eager")
    step = step_of(Renames())
    # Some of timm's optimisers raise it for the whole process when they are imported.
    with torch._dynamo.config.patch(recompile_limit=3):
        for number in range(3):
            step(number)
        with pytest.raises(InputError, match=r"cannot be compiled here: .*limit.*\(train\.compi"):
            step(3)


def test_a_network_that_is_not_compiled_whole_is_not_trained_in_part(
    with_backend: Callable[[Any], None],
) -> None:
    with_backend("eager")
    step = step_of(Breaks())
    with pytest.raises(InputError, match=r"cannot be compiled here: .*\(train\.compile=false"):
        step(0)


def test_compiling_that_is_switched_off_is_no_compiled_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch._dynamo.config.patch(disable=True), pytest.raises(InputError, match="_DISABLE is"):
        trained(network(), tmp_path / "one", [], compile=True)
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")
    with pytest.raises(InputError, match="_DISABLE is"):
        trained(network(), tmp_path / "one", [], compile=True)


def test_a_resumed_run_counts_the_compiling_of_both_processes(
    tmp_path: Path, with_backend: Callable[[Any], None]
) -> None:
    with_backend("aot_eager")
    whole = trained(network(), tmp_path / "whole", [], compile=True)

    folder = tmp_path / "resumed"
    with pytest.raises(KeyboardInterrupt):
        trained(network(), folder, [], on_validation=interrupt, compile=True)
    stored = checkpoint.load(folder / checkpoint.LAST, device=CPU)
    assert stored is not None
    assert stored["compile_seconds"] > 0.0
    resumed = trained(network(), folder, [], compile=True)
    assert resumed.compile_seconds > stored["compile_seconds"]
    assert [h.train_loss for h in resumed.history] == [h.train_loss for h in whole.history]


def test_memory_that_runs_out_ends_a_compiled_run_and_not_its_checkpoint(
    tmp_path: Path, with_backend: Callable[[Any], None]
) -> None:
    def refuse(_graph: torch.fx.GraphModule, _: object) -> Callable[..., Any]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with_backend("aot_eager")
    with pytest.raises(KeyboardInterrupt):
        trained(network(), tmp_path / "one", [], on_validation=interrupt, compile=True)
    with_backend(refuse)
    with pytest.raises(
        InputError, match=r"8 images of 8 px.*train\.micro_batch=4 and train\.compile=false"
    ):
        trained(network(), tmp_path / "one", [], compile=True)
    assert checkpoint.resumable(tmp_path / "one")


def test_compiling_micro_batches_is_refused() -> None:
    with pytest.raises(ValueError, match="compile takes whole batches: leave micro_batch out"):
        TrainConfig(batch_size=8, micro_batch=4, compile=True)
    assert TrainConfig(batch_size=8, micro_batch=8, compile=True).compile


def test_bench_speed_compiles_where_it_is_asked_to(with_backend: Callable[[Any], None]) -> None:
    with_backend("aot_eager")
    case = Case(model="cxnet_m1", image_size=8, batch_size=2, device="cpu")
    for compiled in (False, True):
        measured = measure(replace(case, compiled=compiled), repeats=1, block_seconds=0.01)
        assert (measured.compile_seconds is not None) == compiled


@pytest.mark.slow
def test_torchs_own_compiler_takes_the_same_steps() -> None:
    plain, compiled = step_of(network(), compiled=False), step_of(network())
    expected: list[Tensor] = [plain(number) for number in range(4)]
    assert [compiled(number).item() for number in range(4)] == pytest.approx(
        [each.item() for each in expected], rel=1e-5
    )
