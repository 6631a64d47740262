"""One training on several devices: gloo processes on a CPU, and real images."""

from __future__ import annotations

import copy
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn

from bench import signals
from bench.config import AugmentConfig, TrainConfig
from bench.data.batches import TrainingStream
from bench.data.placement import MemoryMapped
from bench.errors import InputError
from bench.registry import NetworkShape, find_model
from bench.registry.plugins import PLUGIN_PREFIX
from bench.train.distributed.group import Group
from bench.train.distributed.launch import check_devices, train_on_devices
from bench.train.distributed.norm import synchronised
from bench.train.errors import TrainingFailedError
from bench.train.history import Listener, Training, TrainingData, Validation
from bench.train.loop import train
from bench.train.prediction import predict
from tests.bench.train.small import (
    CPU,
    SEED,
    images,
    losses,
    make_loss,
    network,
    validation_loss,
    without_seconds,
)

SIDE = 32
QUICK = TrainConfig(
    lr=0.01,
    batch_size=8,
    max_iterations=9,
    validate_every=3,
    precision="float32",
    memory_format="contiguous",
    augment=AugmentConfig(flip=True, shift=0.1),
)
MODERN = QUICK.model_copy(
    update={
        "optimizer": "adamw",
        "lr": 0.005,
        "weight_decay": 0.05,
        "schedule": "cosine",
        "warmup": 0.25,
        "clip": 0.1,
        "ema": 0.9,
    }
)


# Ten times the largest relative difference that was measured: 8.5e-8 and 1.9e-7.
BOUNDS = {"cxnet_m1": 1e-6, "resnet18": 2e-6}


@pytest.fixture(scope="module")
def data() -> TrainingData:
    """Forty training and thirty-one validation images: no two processes get as many of these."""
    both = images(71, side=SIDE)
    return TrainingData(
        training=both.part(slice(0, 40)), validation=both.part(slice(40, 71)), kind="multiclass"
    )


@pytest.fixture(autouse=True)
def _no_plugins_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes of a training load the plugins of this one."""
    for name in [name for name in sys.modules if name.startswith(PLUGIN_PREFIX)]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture(autouse=True)
def _forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of this process need not import torch again; ``cli/test_devices`` has fresh ones."""
    forking = multiprocessing.get_context("fork")
    monkeypatch.setattr(
        "bench.train.distributed.launch.multiprocessing.get_context", lambda _: forking
    )


def built_in(name: str) -> nn.Module:
    """A built-in network without dropout, whose masks would differ between processes."""
    torch.manual_seed(0)
    shape = NetworkShape(
        in_channels=1,
        outputs=2,
        image_size=SIDE,
        options={"dropout": 0.0} if name == "cxnet_m1" else {},
    )
    return find_model(name).build(shape, pretrained=False, weights_dir=None)


def trained(
    network: nn.Module,
    data: TrainingData,
    folder: Path,
    *,
    config: TrainConfig,
    on_step: Callable[[int], None] = lambda _: None,
    on_validation: Callable[[Sequence[Validation]], None] = lambda _: None,
    loss: nn.Module | None = None,
) -> Training:
    """Train on as many devices as the settings say, in a folder that is made."""
    folder.mkdir(exist_ok=True)
    return (train if config.devices == 1 else train_on_devices)(
        network,
        loss or make_loss(),
        data,
        config=config,
        seed=SEED,
        folder=folder,
        listener=Listener(on_step=on_step, on_validation=on_validation),
    )


def on(devices: int, config: TrainConfig = QUICK) -> TrainConfig:
    return TrainConfig(**{**vars(config), "devices": devices})


def check_following(
    network: nn.Module, data: TrainingData, tmp_path: Path, *, config: TrainConfig, within: float
) -> None:
    """Compare losses and predictions of one process and of several."""
    apart = copy.deepcopy(network)
    alone = trained(network, data, tmp_path / "alone", config=on(1, config))
    together = trained(apart, data, tmp_path / "together", config=config)
    pairs = list(zip(losses(alone.history), losses(together.history), strict=True))
    deviation = max(abs(a - b) / abs(a) for a, b in pairs)
    assert deviation < within
    assert [h.decision for h in alone.history] == [h.decision for h in together.history]
    # From the same weights the processes' predictions are those of one.
    assert validation_loss(apart, data.validation) == pytest.approx(
        together.best.validation_loss, rel=1e-6
    )
    # Kept under the names of the network that trains alone.
    stored = torch.load(tmp_path / "together" / "best.pt", weights_only=True)["network"]
    assert stored.keys() == network.state_dict().keys()


@pytest.mark.parametrize("name", ["cxnet_m1", pytest.param("resnet18", marks=pytest.mark.slow)])
def test_two_processes_follow_one(data: TrainingData, tmp_path: Path, name: str) -> None:
    # At a high rate training amplifies rounding, in one process too.
    config = on(2).model_copy(update={"lr": 0.0001, "max_iterations": 6})
    check_following(built_in(name), data, tmp_path, config=config, within=BOUNDS[name])


@pytest.mark.parametrize("name", ["cxnet_m1", pytest.param("resnet18", marks=pytest.mark.slow)])
def test_two_processes_give_each_image_the_probabilities_of_one(
    data: TrainingData, tmp_path: Path, name: str
) -> None:
    network, images = built_in(name), data.validation
    whole = predict(network, images, kind="multiclass", precision="float32")

    def take_part(rank: int) -> None:
        group = Group(rank=rank, count=2)
        dist.init_process_group(
            "gloo", init_method=f"file://{tmp_path}/store", rank=rank, world_size=2
        )
        found = predict(network, images, kind="multiclass", precision="float32", group=group)
        np.save(tmp_path / f"{rank}.npy", found.probabilities)
        os._exit(0)

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=take_part, args=(rank,)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(whole.probabilities) == 31
    for rank in range(2):
        found = np.load(tmp_path / f"{rank}.npy")
        assert np.allclose(found, whole.probabilities, rtol=0.0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [on(3), on(2, MODERN), on(3, QUICK.model_copy(update={"micro_batch": 4, "batch_size": 10}))],
    ids=["shares of two sizes", "modern", "micro-batches"],
)
def test_all_settings_follow(data: TrainingData, tmp_path: Path, config: TrainConfig) -> None:
    small = network()
    small[3] = nn.Identity()  # in dropout's place
    # AdamW makes whole steps of the rounding errors of a gradient that is 0, as that of a bias
    # before batch norm is (measured: 3.7e-5).
    within = 4e-4 if config.optimizer == "adamw" else 1e-5
    check_following(small, data, tmp_path, config=config, within=within)


class ByClassWeights(nn.Module):
    """A loss that does not weigh the images of a batch alike, as torch's with class weights."""

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        weight = torch.tensor([1.0, 5.0])
        return nn.functional.cross_entropy(logits, targets, weight=weight)


def test_a_training_that_is_struck_again_and_again_ends_as_one_that_is_not(
    data: TrainingData, tmp_path: Path
) -> None:
    """First a process is killed, then a signal stops the command."""
    config = on(2).model_copy(update={"ema": 0.5, "max_iterations": 30})
    uninterrupted, struck = network(), network()
    whole = trained(uninterrupted, data, tmp_path / "whole", config=config, loss=ByClassWeights())
    steps: list[int] = []

    def again(network: nn.Module, strike: Callable[[int], None]) -> Training:
        def on_step(step: int) -> None:
            steps.append(step)
            strike(step)

        return trained(
            network, data, tmp_path / "cut", config=config, on_step=on_step, loss=ByClassWeights()
        )

    def kill(step: int) -> None:
        if step == 4:
            (second,) = [c for c in multiprocessing.active_children() if c.name == "device 1"]
            os.kill(second.pid, signal.SIGKILL)

    def stop(step: int) -> None:
        if step == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    lost = r"^process 2 of 2 was ended by SIGKILL, perhaps for want of memory: the same command"
    with pytest.raises(InputError, match=lost):
        again(struck, kill)
    assert not multiprocessing.active_children()
    begun, steps[:] = len(steps), []
    assert begun >= 4
    with pytest.raises(signals.Stopped), signals.handled():
        again(network(seed=9), stop)
    assert not multiprocessing.active_children()
    assert steps[0] == 3, "from the last validation"
    stopped, steps[:] = steps[-1], []
    assert stopped < 30
    resumed = network(seed=9)
    ended = again(resumed, lambda _: None)
    # The step that was being taken when the signal came is kept.
    assert steps[0] in (stopped, stopped + 1)
    assert steps == list(range(steps[0], 31))
    assert without_seconds(ended) == without_seconds(whole)
    weights = uninterrupted.state_dict()
    assert all(torch.equal(weights[k], weight) for k, weight in resumed.state_dict().items())


class Broken(nn.Module):
    """A loss that is no number from the first step."""

    def forward(self, logits: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return logits.sum() * torch.nan


@pytest.mark.slow
def test_a_failure_in_the_processes_is_a_failure_here(data: TrainingData, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailedError, match="training loss is nan at step 1, before any"):
        trained(network(), data, tmp_path, config=on(2), loss=Broken())
    assert not multiprocessing.active_children()


def test_shares_are_of_nearly_one_size_and_make_the_whole() -> None:
    shares = [Group(rank=rank, count=3).share(11) for rank in range(3)]
    assert [(share.start, share.stop) for share in shares] == [(0, 4), (4, 8), (8, 11)]
    # Micro-batches of four, three and three images.
    own = [Group(rank=rank, count=3).positions(10, parts=3) for rank in range(3)]
    assert [[list(part) for part in parts] for parts in own] == [
        [[0, 1], [4], [7]],
        [[2], [5], [8]],
        [[3], [6], [9]],
    ]


def test_a_process_gets_its_images_of_the_batch_that_one_process_has(data: TrainingData) -> None:
    def stream(own: np.ndarray | None = None) -> TrainingStream:
        return TrainingStream(
            data.training, batch_size=8, seed=SEED, augment=QUICK.augment, own=own
        )

    whole, (part,) = stream(), Group(rank=1, count=3).positions(8, parts=1)
    mine = stream(part)
    for step in (0, 7):
        inputs = mine.to_input(mine.batch(step))
        assert torch.equal(inputs, whole.to_input(whole.batch(step))[3:6])
        assert torch.equal(mine.batch(step).targets, whole.batch(step).targets)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"devices": 9},
            "devices=9 leaves one without an image: at most 8, or a larger batch_size",
        ),
        ({"devices": 3, "micro_batch": 2}, "at most 2, or a larger micro_batch"),
        ({"devices": 2, "compile": True}, "compile is for one device: leave devices out"),
    ],
)
def test_settings_that_several_devices_cannot_have(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig(**{**vars(QUICK), **changes})


def test_devices_that_are_not_there_are_one_line(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.distributed.is_nccl_available", lambda: True)
    line = r"^train\.devices=2, but there is 1 here \(CUDA_VISIBLE_DEVICES may hide others\)"
    with pytest.raises(InputError, match=line):
        check_devices(on(2), torch.device("cuda"))
    with pytest.raises(InputError, match=r"by processes on a CPU \(--device cpu\), not by mps"):
        check_devices(on(2), torch.device("mps"))
    check_devices(on(8), CPU)
    few = TrainingData(
        training=data.training, validation=data.validation.part(slice(0, 1)), kind="multiclass"
    )
    with pytest.raises(InputError, match=r"^train\.devices=2 leaves one without a validation imag"):
        trained(network(), few, tmp_path, config=on(2))


def test_what_cannot_be_sent_or_synchronised_is_one_line(
    data: TrainingData, tmp_path: Path
) -> None:
    local = network()
    local.register_forward_hook(lambda *_: None)
    with pytest.raises(InputError, match=r"^the network or loss cannot be sent to other processes"):
        trained(local, data, tmp_path, config=on(2))

    class Own(nn.BatchNorm2d):
        """A batch norm of a user's."""

    with pytest.raises(InputError, match=r"^batch norm '0' is a Own, which cannot be synchronised"):
        synchronised(nn.Sequential(Own(3)), device=CPU)


def test_mapped_pixels_travel_as_the_name_of_their_file(tmp_path: Path) -> None:
    import pickle

    pixels = np.random.default_rng(0).integers(0, 256, (50, 64, 64), dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    rows = np.array([7, 0, 49])
    for array, longest in ((mapped, 1_000), (mapped[:10], 50_000), (pixels, 250_000)):
        sent = pickle.dumps(MemoryMapped(array, device=CPU))
        assert len(sent) < longest
        there = pickle.loads(sent)
        chosen = rows[rows < len(array)]
        assert np.array_equal(there.gather(chosen).numpy(), pixels[chosen])
