"""Nothing that is read runs code, and nothing is sent."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
import torch

from baselines.backbones import create
from baselines.weights import WeightsError, describe_weights, fetch_weights, find_weights
from bench import load_config, load_model
from bench.config import DataConfig, load_experiment
from bench.data.load import open_study
from bench.data.pixel_store import PIXELS, open_pixels
from bench.errors import InputError
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.scorer import Scorer
from bench.registry import find_model
from bench.runs.store import Store
from bench.train.checkpoint import BEST, LAST, resumable
from tests.bench.cli.conftest import TINY, Command, bench  # noqa: F401 - a fixture
from tests.bench.cli.images import write_manifest
from tests.bench.report.runs import ONE_WRONG, PERFECT, Runs

NETWORK = "mobilenetv3_small_050"


class Trap:
    """An object whose unpickling makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Path]:
    """The folder that a trap makes; it must not be there after the test."""
    path = tmp_path / "executed"
    yield path
    assert not path.exists()


def pickles(mark: Path, folder: Path) -> dict[str, bytes]:
    """Files of one trap each, by their format."""
    trap = {"network": Trap(mark)}
    torch.save(trap, folder / "zip")
    torch.save(trap, folder / "legacy", _use_new_zipfile_serialization=False)
    return {
        "plain": pickle.dumps(trap, protocol=2),
        "zip": (folder / "zip").read_bytes(),
        "legacy": (folder / "legacy").read_bytes(),
    }


def tag(mark: Path) -> str:
    """YAML that makes the folder where a loader knows Python's tags."""
    return f"!!python/object/apply:os.mkdir ['{mark}']"


def test_a_trap_that_is_loaded_makes_its_folder(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "executed")))
    assert (tmp_path / "executed").is_dir()


def test_checkpoints(mark: Path, tmp_path: Path) -> None:
    for content in pickles(mark, tmp_path).values():
        torch.save({"network": {}}, tmp_path / BEST)
        (tmp_path / LAST).write_bytes(content)
        assert not resumable(tmp_path)
        torch.save({"network": {}}, tmp_path / LAST)
        (tmp_path / BEST).write_bytes(content)
        assert not resumable(tmp_path)


def test_pretrained_weights(mark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    source = describe_weights(NETWORK)
    repository = tmp_path / "hub" / f"models--{source.repository.replace('/', '--')}"
    downloaded = repository / "snapshots" / "0123abc" / "pytorch_model.bin"
    downloaded.parent.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abc")
    folder = tmp_path / "weights"
    folder.mkdir()
    shape: dict[str, Any] = {"in_channels": 1, "outputs": 2, "image_size": 32}
    for content in pickles(mark, tmp_path).values():
        downloaded.write_bytes(content)
        assert find_weights(source) == downloaded
        with pytest.raises(WeightsError, match=downloaded.name):
            create(NETWORK, **shape, pretrained=True, weights_dir=None)
        with pytest.raises(WeightsError, match=downloaded.name):
            fetch_weights(NETWORK, to=tmp_path / "carried")
        (folder / f"{NETWORK}.safetensors").write_bytes(content)
        with pytest.raises(WeightsError, match=r"\.safetensors"):
            create(NETWORK, **shape, pretrained=True, weights_dir=folder)


def test_kept_scores(mark: Path, tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs")
    runs.add("net", ONE_WRONG)
    (run,) = runs.store.runs()
    kept = tmp_path / "kept"
    scores = Scorer(Resampling(count=5), kept=kept).score(run)
    (file,) = kept.iterdir()
    for content in (pickle.dumps(Trap(mark)), pickle.dumps([scores, Trap(mark)])):
        file.write_bytes(content)
        again = Scorer(Resampling(count=5), kept=kept).score(run)
        assert again.figures["auc"].value == scores.figures["auc"].value


def test_arrays_of_objects(mark: Path, tmp_path: Path) -> None:
    traps = np.array([Trap(mark)] * 4, dtype=object)
    images = np.zeros((4, 8, 8), dtype=np.uint8)
    labels = np.arange(4).reshape(4, 1) % 2
    plain = {f"{part}_{kind}": array for part in ("train", "val", "test")
             for kind, array in (("images", images), ("labels", labels))}  # fmt: skip
    config = DataConfig(source="medmnist", root=tmp_path)
    for name in ("train_images", "test_labels"):
        np.savez(tmp_path / "mine.npz", **{**plain, name: traps})
        with pytest.raises(InputError, match=r"mine\.npz"):
            open_study(config)


def test_decoded_pixels(mark: Path, tmp_path: Path) -> None:
    folder = write_manifest(tmp_path / "mine", images=4)
    study = open_study(DataConfig(source="manifest", root=folder))
    store = open_pixels(study, image_size=8, cache=tmp_path / "cache")
    pixels = np.array(store.pixels)
    np.save(store.folder / PIXELS, np.array([Trap(mark)], dtype=object))
    again = open_pixels(study, image_size=8, cache=tmp_path / "cache")
    assert not again.reused
    np.testing.assert_array_equal(again.pixels, pixels)


def test_configs_and_settings(mark: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    for text in (f"name: {tag(mark)}\n", f"{tag(mark)}\n", f"? {tag(mark)}\n: 1\n"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"mine\.yaml"):
            load_config(path)
    for setting in (f"train.lr={tag(mark)}", f"models=[{tag(mark)}]", f"vary={{a: {tag(mark)}}}"):
        with pytest.raises(InputError, match="not valid YAML"):
            load_experiment("demo", settings=[setting])


def test_records_of_a_run(mark: Path, tmp_path: Path) -> None:
    runs = Runs(tmp_path / "runs")
    name = runs.add("net", PERFECT)
    (runs.store.root / name / "experiment.yaml").write_text(tag(mark))
    with pytest.raises(InputError, match=name):
        runs.store.experiment_of(runs.store.root / name)
    (runs.store.root / name / "config.yaml").write_text(f"format: 2\ncell: {tag(mark)}\n")
    with pytest.raises(InputError, match=name):
        runs.store.run(name)


@pytest.mark.parametrize(
    "name",
    [
        "timm:hf-hub:someone/theirs",
        "timm:hf_hub:someone/theirs",
        "timm:local-dir:/tmp/theirs",
        "timm:../theirs",
        "timm:/tmp/theirs.pt",
        "timm:https://example.org/theirs",
        "timm:",
        "../theirs",
        "os.system",
        "__import__('os').getcwd()",
        "resnet18;id",
        "resnet18\nid",
        "",
    ],
)
def test_a_name_of_a_model_is_no_place_and_no_code(name: str) -> None:
    with pytest.raises(InputError):
        find_model(name)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Families of the sockets that were opened; those of the internet are refused."""
    families: list[object] = []

    class Refusing(socket.socket):
        def __init__(self, family: int = -1, *arguments: Any, **keywords: Any) -> None:
            if family != socket.AF_UNIX:
                families.append(family)
                raise OSError("the network must not be used")
            super().__init__(family, *arguments, **keywords)

    monkeypatch.setattr(socket, "socket", Refusing)
    return families


@pytest.mark.usefixtures("registries_kept")
def test_nothing_is_sent_and_stored_weights_run_nothing(
    bench: Command,  # noqa: F811
    tiny_plugin: Path,
    opened: list[object],
    mark: Path,
    tmp_path: Path,
) -> None:
    assert bench("run", "tiny", "--plugin", tiny_plugin, *TINY).code == 0
    for command in (
        ("report", "markdown"),
        ("report", "html"),
        ("list", "models", f"timm:{NETWORK}", "cxnet_m1"),
        ("list", "configs"),
        ("data", "check", *TINY[:4]),
    ):
        assert bench(*command).code == 0, command
    assert opened == []
    run = next(run for run in Store(Path("results/runs")).runs() if run.cell.kind == "network")
    (run.folder / BEST).write_bytes(pickles(mark, tmp_path)["zip"])
    with pytest.raises(InputError, match=run.folder.name):
        load_model(run.folder, plugins=[tiny_plugin])
