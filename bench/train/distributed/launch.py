"""Starting the processes of a training on several devices, and following them to the end."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from bench import signals
from bench.config.schema import TrainConfig
from bench.errors import InputError, first_line
from bench.files import is_disk_full
from bench.registry.plugins import loaded_plugins
from bench.train import checkpoint
from bench.train.distributed.group import Group
from bench.train.distributed.member import PATIENCE, Place, Task, take_part
from bench.train.errors import TrainingFailedError
from bench.train.history import SILENT, Listener, Training, TrainingData

# So often the parent looks whether a signal asks to stop, in seconds.
POLL = 0.2
# Where one process fails, the others lose it and fail too: so long the parent waits for the reason.
GRACE = 2.0


def check_devices(config: TrainConfig, device: torch.device) -> None:
    """Check that there are as many devices as a training asks for."""
    if config.devices == 1 or device.type == "cpu":
        return
    if device.type != "cuda" or not dist.is_nccl_available():
        raise InputError(
            f"train.devices={config.devices}: a training is shared by CUDA devices, or by "
            f"processes on a CPU (--device cpu), not by {device.type}"
        )
    there = torch.cuda.device_count() - (device.index or 0)
    if config.devices > there:
        raise InputError(
            f"train.devices={config.devices}, but there {'is' if there == 1 else 'are'} {there} "
            f"here (CUDA_VISIBLE_DEVICES may hide others): give at most so many"
        )


def train_on_devices(
    network: nn.Module,
    loss: nn.Module,
    data: TrainingData,
    *,
    config: TrainConfig,
    seed: int,
    folder: Path,
    listener: Listener = SILENT,
) -> Training:
    """Train a network on ``config.devices`` devices, a process each; see :func:`train`.

    The devices are those from the network's own one on; on a CPU the processes divide its threads.
    The first process writes the checkpoints, and this one calls the listener. A process that dies
    ends the training, which goes on from its last checkpoint when it is called again.

    Args:
        network: with its initial weights.
        loss: from (logits, targets) to the mean loss of a batch.
        data: their pixels not placed on a device (:class:`bench.data.placement.MemoryMapped`).
        config, seed, folder, listener: as :func:`bench.train.loop.train`.

    Raises:
        TrainingFailedError: as :func:`bench.train.loop.train`.
    """
    device = next(network.parameters()).device
    check_devices(config, device)
    if len(data.validation) < config.devices:
        raise InputError(
            f"train.devices={config.devices} leaves one without a validation image: there are "
            f"{len(data.validation)}"
        )
    # The processes have the devices' memory for themselves.
    task = Task(
        network=network.cpu(), loss=loss.cpu(), data=data, config=config, seed=seed, folder=folder
    )
    try:
        with _started(_pickled(task), config.devices, device) as members:
            training = _Watch(members=members, listener=listener).follow()
    finally:
        network.to(device)
        loss.to(device)
    checkpoint.load_best(network, folder, device=device)
    return training


def _pickled(task: Task) -> bytes:
    try:
        return pickle.dumps(task, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise InputError(
            f"the network or loss cannot be sent to other processes ({first_line(error)}): define "
            "its classes and functions at the top of their file, or train with train.devices=1"
        ) from error


@dataclass(kw_only=True)
class _Member:
    """A process of the training, as its parent sees it; ``ended`` says that no word is to come."""

    number: int
    process: SpawnProcess
    line: Connection
    ended: bool = False

    def messages(self) -> Iterator[tuple[str, Any]]:
        """Those that have come, and after them ``lost`` where the process died without a word."""
        alive = self.process.is_alive()  # asked before the last look for messages
        try:
            while not self.ended and self.line.poll():
                message = self.line.recv()
                self.ended = message[0] in ("ended", "stopped", "failed")
                yield message
        except (EOFError, OSError):
            alive = False
            self.process.join(GRACE)
        if not alive and not self.ended:
            self.ended = True
            yield "lost", self.process.exitcode


@contextmanager
def _started(task: bytes, count: int, device: torch.device) -> Iterator[list[_Member]]:
    """The processes of a training; at the end of the block none is left."""
    context = multiprocessing.get_context("spawn")
    # The first process that starts would start it, and let signals through meanwhile.
    resource_tracker.ensure_running()
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=PATIENCE)
    members: list[_Member] = []
    try:
        for rank in range(count):
            place = Place(
                group=Group(rank=rank, count=count),
                device=_device_of(rank, first=device),
                port=store.port,
                threads=max(1, torch.get_num_threads() // count),
                plugins=loaded_plugins(),
            )
            line, child = context.Pipe()
            process = context.Process(
                target=take_part, args=(place, task, child), name=f"device {rank}", daemon=True
            )
            with signals.blocked():
                process.start()
            child.close()
            members.append(_Member(number=rank + 1, process=process, line=line))
        yield members
    finally:
        for member in members:
            member.process.kill()
        for member in members:
            member.process.join()
            member.line.close()


def _device_of(rank: int, *, first: torch.device) -> torch.device:
    return first if first.type == "cpu" else torch.device("cuda", (first.index or 0) + rank)


@dataclass(frozen=True, kw_only=True, order=True)
class _Fault:
    """An error of a process: where several have one, the least says what was first."""

    rank: int  # of its kind: a reason of our own, a lost process, or what may follow from these
    came: float  # by the monotonic clock, which all processes of a machine share
    error: BaseException = field(compare=False)


@dataclass(kw_only=True)
class _Watch:
    """Follows the processes of a training."""

    members: Sequence[_Member]  # the processes, the first one first
    listener: Listener  # gets what that one tells
    unsaved: bool = False  # whether steps were taken since the last validation
    faults: list[_Fault] = field(default_factory=list)
    # The training, once it is over; None where it was stopped.
    results: list[Training | None] = field(default_factory=list)

    def follow(self) -> Training:
        """Pass on messages until the first process has ended.

        Raises:
            Stopped: a signal asked for it, and the last step is in a checkpoint.
            BaseException: that of the process that failed first, or of the listener.
        """
        told = False
        # As in one process: before the first step there is nothing to keep.
        with signals.deferred(lambda: self.unsaved):
            while not self.results:
                if signals.is_asked() and not told:
                    told = True
                    with suppress(OSError):
                        self.members[0].line.send(signal.SIGTERM.value)
                wait([member.line for member in self.members if not member.ended], POLL)
                for member in self.members:
                    for name, value in member.messages():
                        self._take(member, name, value)
                if self.faults and not self.results and self._is_understood():
                    raise min(self.faults).error
        (training,) = self.results
        assert training is not None, "a stop was raised above"
        return training

    def _take(self, member: _Member, name: str, value: Any) -> None:
        """Act on a message."""
        if name == "failed":
            error, came, text = value
            error.add_note(f"in process {member.number} of {len(self.members)}:\n{text}")
            own = isinstance(error, TrainingFailedError | InputError) or is_disk_full(error)
            self.faults.append(_Fault(rank=0 if own else 2, came=came, error=error))
        elif name == "lost":
            error = InputError(
                f"process {member.number} of {len(self.members)} {_ending(value)}: the same "
                "command goes on from the last checkpoint"
            )
            self.faults.append(_Fault(rank=1, came=time.monotonic(), error=error))
        elif member is not self.members[0]:
            return
        elif name in ("ended", "stopped"):
            self.results.append(value)
        else:
            getattr(self.listener, name)(value)
            if name == "on_step":
                self.unsaved = True
            elif name == "on_validation":
                self.unsaved = False
                member.line.send(True)

    def _is_understood(self) -> bool:
        """Whether nothing more is to come that could be the reason of a failure."""
        first = min(self.faults)
        late = time.monotonic() - min(fault.came for fault in self.faults) > GRACE
        return first.rank == 0 or late or all(member.ended for member in self.members)


def _ending(code: int | None) -> str:
    """The end of a process, in words."""
    if code is None or code >= 0:
        return f"ended without a result (exit code {code})"
    name = signal.Signals(-code).name
    memory = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}"
