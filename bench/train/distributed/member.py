"""A process of a training on several devices: from the parent's word to its own end."""

from __future__ import annotations

import _thread
import os
import pickle
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from bench import signals
from bench.data.batches import ImageSet
from bench.data.placement import MemoryMapped, PlacementCache
from bench.errors import first_line
from bench.registry.plugins import load_plugins
from bench.train.distributed.group import Group
from bench.train.history import Listener, TrainingData, Validation

if TYPE_CHECKING:
    from torch import nn

    from bench.config.schema import TrainConfig

# Longest wait of one process for another: for the first one while it writes a checkpoint, say, or
# while a tracker takes a validation down. What takes longer will not come any more.
PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Task:
    """A training as it is sent to its processes."""

    # On the CPU.
    network: nn.Module
    loss: nn.Module
    data: TrainingData  # on the CPU, its pixels in their file
    config: TrainConfig
    seed: int
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Place:
    """A process's place among the others."""

    group: Group  # its rank, and how many there are
    device: torch.device
    port: int  # of the store by which they find one another, on this machine
    threads: int
    plugins: tuple[str, ...]  # files to load before the task is read


def take_part(place: Place, task: bytes, parent: Connection) -> None:
    """Train as one of several processes; the whole life of one.

    Messages to the parent are pairs: a function of :class:`bench.train.history.Listener` and its
    argument, ``ended`` and the training, ``stopped``, or ``failed`` and the error, its time and
    traceback.

    Args:
        parent: takes messages; sends ``True`` after a validation, and a signal's number to stop.
    """
    line = _Line(parent)
    try:
        with signals.handled() if place.group.is_first else nullcontext():
            training = _train(place, task, line)
        parent.send(("ended", training))
    except signals.Stopped:
        parent.send(("stopped", None))
    except BaseException as error:
        parent.send(("failed", (_portable(error), time.monotonic(), traceback.format_exc())))
    # Nothing is left to do; torch would wait for processes that the parent has ended.
    parent.close()
    os._exit(0)


def _train(place: Place, pickled: bytes, line: _Line) -> object:
    from bench.train.distributed.norm import synchronised
    from bench.train.loop import train

    device, group = place.device, place.group
    torch.set_num_threads(place.threads)
    load_plugins(place.plugins)
    task: Task = pickle.loads(pickled)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with _joined(place):
        network = synchronised(task.network.to(device), device=device)
        return train(
            network,
            task.loss.to(device),
            _placed(task.data, device),
            config=task.config,
            seed=task.seed,
            folder=task.folder,
            listener=line.listener() if group.is_first else Listener(),
            group=group,
        )


@contextmanager
def _joined(place: Place) -> Iterator[None]:
    """Membership of torch's process group."""
    group, on_gpu = place.group, place.device.type == "cuda"
    store = TCPStore("127.0.0.1", place.port, group.count, is_master=False, timeout=PATIENCE)
    dist.init_process_group(
        "nccl" if on_gpu else "gloo",
        store=store,
        rank=group.rank,
        world_size=group.count,
        timeout=PATIENCE,
        device_id=place.device if on_gpu else None,
    )
    yield


def _placed(data: TrainingData, device: torch.device) -> TrainingData:
    """Both parts with their pixels placed for a device; those that they share, once."""
    cache = PlacementCache(device)

    def placed(images: ImageSet) -> ImageSet:
        assert isinstance(images.placement, MemoryMapped), "as the parent sends them"
        return replace(images, placement=cache.get(images.placement.pixels))

    return replace(data, training=placed(data.training), validation=placed(data.validation))


class _Line:
    """The line to the parent, which a thread listens to: without a parent the process ends."""

    def __init__(self, parent: Connection) -> None:
        self._parent = parent
        self._heard = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def listener(self) -> Listener:
        """Passes all that a training tells to the parent."""

        def validated(history: Sequence[Validation]) -> None:
            self._heard.clear()
            self._parent.send(("on_validation", tuple(history)))
            self._heard.wait()  # the parent may end the training here

        return Listener(
            on_step=lambda step: self._parent.send(("on_step", step)),
            on_validation=validated,
            on_note=lambda text: self._parent.send(("on_note", text)),
        )

    def _listen(self) -> None:
        while True:
            try:
                message = self._parent.recv()
            except (EOFError, OSError):
                os._exit(1)
            if message is True:
                self._heard.set()
            else:
                # As if the signal had come to this process, which is shielded from it: what is
                # sent to a whole group of processes comes through the parent, once.
                _thread.interrupt_main(message)


def _portable(error: BaseException) -> BaseException:
    """An error that another process can read."""
    try:
        same = str(pickle.loads(pickle.dumps(error))) == str(error)
    except Exception:
        same = False
    return error if same else RuntimeError(first_line(error))
