"""Real signals to real processes, in every phase of a command.

Each process sends itself the signal at a call of one of its functions, so that the phase is certain
(:mod:`tests.bench.cli.strike`); some are sent from outside, to a whole group or by a terminal that
closes.
"""

from __future__ import annotations

import fcntl
import os
import pty
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from bench.train.checkpoint import LAST
from tests.bench.cli.conftest import TINY, Command, Outcome, finish
from tests.bench.cli.strike import strike
from tests.forked import start

STRIKE = Path(__file__).with_name("strike.py")
RUN = (
    "run", "tiny", "--plugin", "tiny_plugin.py", *TINY, "--loss", "ce", "--device", "cpu",
    "--set", "train.max_iterations=12", "--set", "train.validate_every=6",
)  # fmt: skip
NETWORK_ALONE = ("--set", "controls=[]")
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(STRIKE.parents[3])}
SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
STEP = "bench.train.step:seed_step"
"""Called in every step; for the first time in one that tries the optimiser."""
IMPORT = "builtins:__import__"
# Generous, since a machine may have much else to do.
SECONDS = 120


def struck(
    target: str, call: int, number: signal.Signals, arguments: Sequence[object], *, cwd: Path
) -> Outcome:
    """Run ``bench`` in a process that sends itself a signal at a call of one of its functions."""

    def command() -> None:
        os.chdir(cwd)
        strike(target, call, number, arguments)

    return finish(start(command))


def struck_fresh(
    target: str, call: int, number: signal.Signals, arguments: Sequence[object], *, cwd: Path
) -> Outcome:
    """Run it as :func:`struck` does, in an interpreter that has imported nothing so far."""
    done = subprocess.run(
        list(map(str, [sys.executable, STRIKE, target, call, int(number), *arguments])),
        cwd=cwd,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Outcome(code=done.returncode, out=done.stdout, err=done.stderr)


def line_of(number: signal.Signals, arguments: Sequence[object], *, goes_on: bool = True) -> str:
    """The only line of a command that was stopped."""
    line = f"stopped by {number.name}"
    return f"{line}; go on with: bench {shlex.join(map(str, arguments))}" if goes_on else line


def predictions(out: Path) -> dict[str, bytes]:
    """The predictions of each run."""
    return {path.parent.name: path.read_bytes() for path in out.glob("*/predictions.csv")}


@pytest.mark.usefixtures("tiny_plugin", "one_thread")
def test_a_training_keeps_the_step_at_which_it_is_stopped(bench: Command, tmp_path: Path) -> None:
    command = (*RUN, *NETWORK_ALONE, "--quiet", "--out", "stopped")
    # Step 9 of 12, the third after a validation.
    stopped = struck(STEP, 1 + 9, signal.SIGTERM, command, cwd=tmp_path)
    assert (stopped.code, stopped.out) == (143, "")
    assert stopped.err.split("\n") == ["", line_of(signal.SIGTERM, command), ""]
    (last,) = Path("stopped").glob(f"*/{LAST}")
    state = torch.load(last, weights_only=True)
    assert (state["history"][-1]["iteration"], len(state["losses"])) == (6, 3)
    assert bench(*command).code == 0
    assert bench(*command[:-1], "straight").code == 0
    assert predictions(Path("stopped")) == predictions(Path("straight"))


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A phase of a command, and the checkpoint that is left: validated steps and further ones."""

    target: str
    call: int = 1
    arguments: tuple[object, ...] = (*RUN, *NETWORK_ALONE)
    kept: tuple[int, int] | None = None
    goes_on: bool = True


TUNE = ("tune", *RUN[1:], *NETWORK_ALONE, "--budget", "trials=2")
CASCADE = ("cascade", *RUN[1:], *NETWORK_ALONE)
PHASES = {
    "import of torch": Phase(target=IMPORT, call=4000),
    "decoding": Phase(target="bench.data.decode:resize", call=40),
    "control": Phase(
        target="scipy.optimize:minimize",
        arguments=(*RUN, "--set", "controls=[pixels]", "--quiet"),
    ),
    "first step": Phase(target=STEP, call=1 + 1),
    "second step": Phase(target=STEP, call=1 + 2, kept=(0, 2)),
    "last step": Phase(target=STEP, call=1 + 6, kept=(0, 6)),
    "first validation": Phase(target="bench.train.loop:predict", kept=(0, 6)),
    "last validation": Phase(target="bench.train.loop:predict", call=2, kept=(6, 6)),
    "prediction": Phase(target="bench.execute.cell_runner:predict", call=2, kept=(12, 0)),
    "trial": Phase(target=STEP, call=1 + 9, arguments=TUNE, kept=(6, 3)),
    "rerun": Phase(target=STEP, call=1 + 24 + 9, arguments=TUNE, kept=(6, 3)),
    # Five tasks, each tried once: the ninth step of the second network.
    "cascade": Phase(target=STEP, call=5 + 12 + 9, arguments=CASCADE, kept=(6, 3)),
    "report": Phase(
        target="bench.evaluate.load:collect", arguments=("report", "markdown"), goes_on=False
    ),
}


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_plugin", "one_thread")
@pytest.mark.parametrize("number", SIGNALS, ids=[number.name for number in SIGNALS])
@pytest.mark.parametrize("name", PHASES)
def test_every_phase_stops_with_one_line_and_goes_on(
    bench: Command,
    tmp_path: Path,
    name: str,
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The short form is above."""
    monkeypatch.setenv("CXNET_BENCH_CACHE", str(tmp_path / "cache"))
    phase = PHASES[name]
    if not phase.goes_on:
        assert bench(*RUN, *NETWORK_ALONE).code == 0
    run = struck_fresh if phase.target == IMPORT else struck
    stopped = run(phase.target, phase.call, number, phase.arguments, cwd=tmp_path)
    assert stopped.code == 128 + number
    lines = stopped.err.split("\n")
    assert lines == ["", line_of(number, phase.arguments, goes_on=phase.goes_on), ""]
    assert "Traceback" not in stopped.out
    found = list(Path().glob(f"results/runs/**/{LAST}"))
    if phase.kept is None:
        assert found == []
    else:
        (last,) = found
        state = torch.load(last, weights_only=True)
        steps = state["history"][-1]["iteration"] if state["history"] else 0
        assert (steps, len(state["losses"])) == phase.kept
    assert bench(*phase.arguments).code == 0
    if phase.arguments[0] != "report":
        assert bench(*phase.arguments, "--out", "straight").code == 0
        assert predictions(Path("results/runs")) == predictions(Path("straight"))


def alive(group: int) -> list[str]:
    """The processes of a group that have not ended (``proc(5)``: name, state, parent, group)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = path.read_text().rpartition(")")
            state, _, its_group = rest.split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(name)
    return found


@pytest.mark.slow
def test_a_group_that_is_stopped_leaves_nobody_behind(tmp_path: Path) -> None:
    """``timeout`` signals its child and then the group: one stop, and the child of it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", "speed", "cxnet_m1", "--device", "cpu"],
        cwd=tmp_path,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert any(line.startswith("[1/1] cxnet_m1") for line in process.stderr)
    process.send_signal(signal.SIGTERM)
    os.killpg(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, err) == (143, "", "\nstopped by SIGTERM\n")
    deadline = time.monotonic() + SECONDS
    while alive(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_plugin")
def test_a_training_outlives_its_terminal_by_a_checkpoint(tmp_path: Path) -> None:
    own, its = pty.openpty()
    long = ("--set", "train.max_iterations=100000", "--set", "train.validate_every=100000")
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *map(str, (*RUN, *long, *NETWORK_ALONE))],
        cwd=tmp_path,
        env={**os.environ, **ENVIRONMENT},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(its)
    shown = b""
    while b"all trainings" not in shown:  # the bar of the first step
        shown += os.read(own, 4096)
    os.close(own)
    assert process.wait(timeout=SECONDS) == 129
    (last,) = tmp_path.glob(f"results/runs/*/{LAST}")
    assert len(torch.load(last, weights_only=True)["losses"]) > 0
