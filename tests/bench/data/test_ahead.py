"""Decoding ahead: what the other process has done is there, and it is gone when it should be."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from filelock import FileLock, Timeout
from PIL import Image

from bench.config import DataConfig
from bench.data.ahead import decoding_ahead
from bench.data.opened import open_study
from bench.data.pixels import INDEX, open_pixels
from bench.data.unfinished import JOURNAL

FEW, MANY = 40, 30_000


def phantom(images: int, *, image_size: int = 32) -> DataConfig:
    return DataConfig(source="phantom", image_size=image_size, options={"images": images})


def wait_for(happened: Callable[[], bool]) -> None:
    """The minute is no expectation: a test must not hang."""
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


@pytest.fixture
def torch_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as anyone can see."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr("bench.data.ahead.processors", lambda: 2)


@pytest.mark.usefixtures("torch_not_loaded")
def test_the_pixels_are_there_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A user's own files, where the command was started or PYTHONPATH points, are not ours.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name in ("bench", "sitecustomize", "selectors"):
        code = f"open({str(tmp_path / 'marks')!r}, 'a').write({name!r})\n"
        (tmp_path / f"{name}.py").write_text(code)
    configs = [phantom(FEW), phantom(FEW, image_size=16)]
    cache = tmp_path / "cache"
    with decoding_ahead(configs, cache=cache):
        wait_for(lambda: len(list(cache.glob(f"*/{INDEX}"))) == 2)
    assert not (tmp_path / "marks").exists()
    for config in configs:
        told: list[int] = []
        ahead = open_pixels(
            open_study(config),
            image_size=config.image_size,
            cache=cache,
            progress=lambda done, _, told=told: told.append(done),
        )
        here = open_pixels(
            open_study(config), image_size=config.image_size, cache=tmp_path / "other"
        )
        assert told == []  # nothing was left to decode
        np.testing.assert_array_equal(ahead.pixels, here.pixels)
        assert (ahead.images, ahead.digests) == (here.images, here.digests)


@pytest.mark.usefixtures("torch_not_loaded")
def test_it_ends_with_the_context_and_what_is_certain_stays(tmp_path: Path) -> None:
    config = phantom(MANY)

    def some_are_certain() -> bool:
        return any(file.read_bytes().count(b"\n") > 1 for file in tmp_path.glob(f"*/{JOURNAL}"))

    with decoding_ahead([config], cache=tmp_path):
        wait_for(some_are_certain)
    (lock,) = tmp_path.glob("*.lock")
    with FileLock(lock, timeout=0):
        pass  # nobody holds it any more

    class EnoughSeenError(Exception):
        pass

    def goes_on_from(done: int, total: int) -> None:
        assert 0 < done < total == MANY
        raise EnoughSeenError

    with pytest.raises(EnoughSeenError):
        open_pixels(open_study(config), image_size=32, cache=tmp_path, progress=goes_on_from)


ASKS = """
import sys
from pathlib import Path
from bench.config import DataConfig
from bench.data import ahead
ahead.processors = lambda: 2
with ahead.decoding_ahead([DataConfig.model_validate_json(sys.argv[1])], cache=Path(sys.argv[2])):
    sys.stdin.read()
"""


def test_it_does_not_outlive_who_asked(tmp_path: Path) -> None:
    """Orphaned, it would decode for hours."""
    command = [sys.executable, "-c", ASKS, phantom(MANY).model_dump_json(), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as asking:
        wait_for(lambda: any(tmp_path.glob(f"*.partial/{JOURNAL}")))
        (lock,) = tmp_path.glob("*.lock")
        with pytest.raises(Timeout), FileLock(lock, timeout=0):
            pass
        asking.kill()
    with FileLock(lock, timeout=60):
        pass
    assert not any(tmp_path.glob(f"*/{INDEX}"))


@pytest.mark.usefixtures("torch_not_loaded")
def test_a_path_need_not_be_text(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"r\xf6ntgen")  # ö, but not in UTF-8
    folder.mkdir()
    Image.new("L", (8, 8), 5).save(folder / "a.png")
    (folder / "m.csv").write_text("path,label,patient\na.png,normal,1\n")
    config = DataConfig(source="manifest", root=folder / "m.csv", image_size=8)
    with decoding_ahead([config], cache=folder / "cache"):
        wait_for(lambda: any((folder / "cache").glob(f"*/{INDEX}")))
    store = open_pixels(open_study(config), image_size=8, cache=folder / "cache")
    assert store.pixels.tolist() == [[[5] * 8] * 8]


@pytest.mark.usefixtures("torch_not_loaded")
@pytest.mark.parametrize(
    "config",
    [
        DataConfig(source="nobodys"),
        DataConfig(source="manifest", root=Path("not/there.csv")),
        DataConfig(source="phantom", options={"pictures": 4}),
    ],
)
def test_what_is_wrong_is_left_to_who_asked(
    tmp_path: Path, config: DataConfig, capfd: pytest.CaptureFixture[str]
) -> None:
    with decoding_ahead([config, phantom(FEW)], cache=tmp_path):
        wait_for(lambda: any(tmp_path.glob(f"*/{INDEX}")))  # of the other data set
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("torch_not_loaded")
@pytest.mark.parametrize("executable", ["/not/there", "", None])
def test_where_no_process_can_be_started_none_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executable: str | None
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with decoding_ahead([phantom(FEW)], cache=tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was to be started; it is not."""
    commands: list[Any] = []

    def refuse(command: Any, **_: Any) -> None:
        commands.append(command)
        raise OSError("not here")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    return commands


@pytest.mark.parametrize(
    ("images", "processors", "loaded", "processes"),
    [(FEW, 2, False, 1), (None, 2, False, 0), (FEW, 1, False, 0), (FEW, 2, True, 0)],
)
def test_a_process_is_started_where_it_wins_time(
    tmp_path: Path,
    started: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    images: int | None,
    processors: int,
    loaded: bool,
    processes: int,
) -> None:
    monkeypatch.setattr("bench.data.ahead.processors", lambda: processors)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    if loaded:
        monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    with decoding_ahead([phantom(images)] if images else [], cache=tmp_path):
        pass
    assert len(started) == processes
