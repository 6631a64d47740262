"""How the process of the command ends: quickly, and with nothing left undone."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bench.cache import pixel_cache
from bench.cli.loading import loading
from bench.config import DataConfig
from tests.bench.cli.conftest import TINY, Command

BEGIN = "import atexit, sys, threading, time; from bench.cli.main import start; "


def process(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--version",), 0), (("list", "configs"), 0), (("list", "nothing"), 2), (("rum",), 2)],
)
def test_the_output_is_whole_and_the_code_is_kept(arguments: tuple[str, ...], code: int) -> None:
    quick = process("atexit.register(print, 'bye'); start()", *arguments)
    plain = process("from bench.cli.main import run; run()", *arguments)
    assert (quick.returncode, plain.returncode) == (code, code)
    assert quick.stdout == plain.stdout + "bye\n"
    assert quick.stderr == plain.stderr


def test_nothing_is_taken_apart() -> None:
    late = "late = type('Late', (), {'__del__': lambda self: print('taken apart', flush=True)})(); "
    code = late + "atexit.register(print, 'bye', flush=True); "
    quick = process(code + "start()", "--version")
    plain = process(code + "from bench.cli.main import run; run()", "--version")
    assert (quick.returncode, plain.returncode) == (0, 0)
    assert (quick.stderr, plain.stderr) == ("", "")
    assert quick.stdout.splitlines()[1:] == ["bye"]
    # What an end as Python has it does besides, so that the line above tells the two apart.
    assert plain.stdout.splitlines()[1:] == ["bye", "taken apart"]


def test_a_thread_that_is_at_work_is_waited_for() -> None:
    code = (
        "threading.Thread(target=lambda: (time.sleep(0.3), print('thread done'))).start(); start()"
    )
    done = process(code, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == ["thread done"]


def test_a_reader_who_leaves_is_no_error() -> None:
    shell = f"{sys.executable} -m bench list configs | head -n 1"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_loaded_is_left_out_of_every_look_for_garbage(fails: bool) -> None:
    gc.collect()
    before, thresholds = gc.get_freeze_count(), gc.get_threshold()
    loaded: list[list[int]] = []
    try:
        with suppress(ImportError), loading():
            assert gc.isenabled()
            loaded.extend([number] for number in range(1000))
            if fails:
                raise ImportError
        assert gc.get_threshold() == thresholds
        assert gc.get_freeze_count() >= before + 1000
        gc.collect()
        assert not any(one is loaded[0] for one in gc.get_objects())
    finally:
        gc.unfreeze()


def test_garbage_that_loading_makes_goes_while_older_objects_are_not_looked_at() -> None:
    class Node:
        other: Node

    looks: list[int] = []

    def look(phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            looks.append(about["generation"])

    gc.collect()
    gc.callbacks.append(look)
    try:
        with loading():
            pairs = []
            for _ in range(150_000):
                one, two = Node(), Node()
                one.other, two.other = two, one
                pairs.append(weakref.ref(one))
        # 300,000 nodes and 150,000 references to them; only the youngest generation is looked at.
        assert looks == [0] * 4
        assert sum(pair() is None for pair in pairs) >= 120_000
    finally:
        gc.callbacks.remove(look)
        gc.unfreeze()


def test_who_has_switched_the_look_for_garbage_off_keeps_it_so() -> None:
    gc.disable()
    try:
        with loading():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


@pytest.mark.parametrize(
    ("command", "sizes"),
    [
        (("run", "--set", "vary.data.train_share=[0.5, 1.0]"), [32, 32]),
        (("tune", "--budget", "trials=1"), [32]),
        (("run", "--dry-run"), None),
        (("run", "--loss", "unknown"), None),
        (("run", "--task", "unknown"), None),
        (("run", "--set", "controls=[unknown]"), None),
    ],
)
def test_the_images_of_a_run_are_decoded_while_its_libraries_load(
    bench: Command,
    tiny_plugin: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    sizes: list[int] | None,
) -> None:
    asked: list[list[int]] = []

    @contextmanager
    def watched(configs: Iterable[DataConfig], *, cache: Path) -> Iterator[None]:
        assert cache == pixel_cache()
        asked.append([config.image_size for config in configs])
        yield

    monkeypatch.setattr("bench.data.ahead.decoding_ahead", watched)
    done = bench(
        command[0], "tiny", "--plugin", tiny_plugin, *TINY, "--loss", "ce", "--seeds", "0", "--set",
        "controls=[]", *command[1:],
    )  # fmt: skip
    assert (done.code, "unknown" in done.err) == (
        (2, True) if "unknown" in str(command) else (0, False)
    )
    assert asked == ([] if sizes is None else [sizes])
