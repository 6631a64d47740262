"""Predicting lists of images beside a bare loop: decode, resize, network, in batches.

Ours also hashes files, looks at colours, compares with the training images and makes records. The
ratios of rates, ours to the bare loop's, are in the extra info; 0.9 is wanted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

import bench
from bench.data.decode import resize
from bench.model import LoadedModel
from bench.predict.images import list_images
from bench.predict.predict import predict_images
from bench.predict.row import NetworkRow
from bench.progress import QuietProgress
from bench.runs.store import Store
from bench.train.prediction import prediction_batch
from tests.shared_data import shared

ROUNDS = 5
IMAGES = 400
FEW = 16
"""Images where nothing is measured."""
CPU = torch.device("cpu")


def trained(folder: Path, *, side: int) -> NetworkRow:
    """CXNet-m1 after a step on a few radiographs, with statistics of 120 of them."""
    paths = sorted((shared("kermany") / "images").glob("*"))[:: 5216 // 200][:200]
    kind = {True: "normal", False: "abnormal"}
    lines = [f"{path},{kind[path.name.startswith('NORMAL')]}" for path in paths]
    (folder / "manifest.csv").write_text("\n".join(["path,label", *lines, ""]))
    changes = {
        "data.root": str(folder),
        "data.image_size": side,
        "data.split": "image",
        "data.validation_fraction": 0.1,
        "data.test_fraction": 0.1,
        "models": ["cxnet_m1"],
        "losses": ["ce"],
        "seeds": [0],
        "controls": [],
        "train.max_iterations": 1,
        "train.batch_size": 8,
    }
    bench.run(bench.load_config("manifest", **changes), out=folder / "runs", device="cpu")
    return NetworkRow.load(Store(folder / "runs").runs(), device=CPU)


def bare_loop(model: LoadedModel, paths: Sequence[Path]) -> list[float]:
    """Probabilities by a script of ten lines."""
    size, found = prediction_batch(model.image_size, CPU), []
    for start in range(0, len(paths), size):
        squares = []
        for path in paths[start : start + size]:
            with Image.open(path) as image:
                squares.append(resize(np.asarray(image.convert("L")), model.image_size))
        with torch.inference_mode():
            logits = model.network(model.to_input(np.stack(squares)))
            found += logits.double().softmax(1)[:, 1].tolist()
    return found


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of all threads, which other processes change little."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


@pytest.mark.parametrize("side", [64, pytest.param(224, marks=pytest.mark.slow)])
@pytest.mark.parametrize("larger", [1, 8])
def test_rounds_of_both_in_turns(
    benchmark: BenchmarkFixture, side: int, larger: int, tmp_path: Path
) -> None:
    """Radiographs of 128 px as they are, or enlarged to those of a detector."""
    row = trained(tmp_path, side=side)
    images, rounds = (FEW, 1) if benchmark.disabled else (IMAGES, ROUNDS)
    paths = sorted((shared("kermany") / "images").glob("*"))[:images]
    if larger > 1:
        paths = [enlarged(path, tmp_path, larger) for path in paths[: images // larger]]
    listed = list_images(paths)

    def ours() -> list[float | None]:
        report = predict_images(row, listed, progress=QuietProgress())
        return [image.probabilities["abnormal"] for image in report.images if image.probabilities]

    def bare() -> list[float]:
        return bare_loop(row.first, paths)

    assert ours() == bare()

    def ratios() -> list[float]:
        return [seconds(bare) / seconds(ours) for _ in range(rounds)]

    found = benchmark.pedantic(ratios, rounds=1)
    benchmark.extra_info["ours / bare"] = [round(ratio, 3) for ratio in found]
    benchmark.extra_info["median"] = round(statistics.median(found), 3)


def enlarged(path: Path, folder: Path, times: int) -> Path:
    """A PNG file of so many times as many pixels a side."""
    with Image.open(path) as image:
        large = image.convert("L").resize((times * image.width, times * image.height))
    large.save(folder / f"{path.stem}.png")
    return folder / f"{path.stem}.png"
