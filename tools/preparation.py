"""Decoding images once, beside a plain Pillow loop; and the memory that many images take.

``python -m tools.preparation --out results/speed/preparation.json``. Makes its own files: smooth
shades with a detector's noise, as large as ChestX-ray14's, under many names each, since making
one takes longer than reading it. The ways take turns; ours also digests the original pixels and
marks on the disk what is done. Images/s/core is the rate over the number of threads.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.data.image_files import FileReader
from bench.data.pixel_store import PixelStore, open_pixels
from bench.data.study import StudyTable, study_rows
from bench.peak_memory import peak_memory_bytes
from bench.processors import processors

SIDE, SIZE, FILES = 1024, 224, 6
IMAGES_A_THREAD = 48  # of which a thread takes 16 at a time, so that all have equal shares
ALL_OF_CHESTXRAY14 = 112_120
SMALL_SIDE = 64
BYTES_PER_MB = 1e6


def main() -> None:
    """Measure, print a table, write everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--many", type=int, default=ALL_OF_CHESTXRAY14, help="small images, for their memory"
    )
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    images = IMAGES_A_THREAD * asked.threads
    with tempfile.TemporaryDirectory(prefix="preparation-") as temporary:
        folder = Path(temporary)
        large = write_radiographs(folder / "large", side=SIDE)
        small = write_radiographs(folder / "small", side=SMALL_SIDE)
        rates = compare(named(large, images), folder, rounds=asked.rounds, threads=asked.threads)
        memory = {
            f"{count:,} images of {side} px": peak_mb(
                named(files, count), folder / f"memory-{side}", threads=asked.threads
            )
            for count, side, files in (
                (images, SIDE, large),
                (asked.many, SMALL_SIDE, small),
            )
        }
    found = {"environment": _environment(), "rates": rates, "peak_mb": memory}
    asked.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for way, facts in rates.items():
        rate, ratio = facts["images_per_second_per_core"], facts["ratio"]
        print(
            f"{way:12} {rate['median']:6.1f} images/s/core, {ratio['median']:.2f} "
            f"({ratio['min']:.2f} to {ratio['max']:.2f}) of the plain loop"
        )
    for what, peak in memory.items():
        print(f"{what}: peak {peak:.0f} MB")


def write_radiographs(folder: Path, *, side: int) -> list[Path]:
    """Some gray PNG files; at 1024 px of about 0.4 MB, as the real ones."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    paths = [folder / f"{number}.png" for number in range(FILES)]
    for path in paths:
        shades = Image.fromarray(random.integers(20, 220, (9, 9), dtype=np.uint8))
        smooth = np.asarray(shades.resize((side, side), Image.Resampling.BICUBIC), np.float32)
        noisy = np.clip(smooth + random.normal(0, 1.5, smooth.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(path)
    return paths


def named(paths: list[Path], images: int) -> dict[str, Path]:
    """So many names for a few files."""
    return {f"{row:06d}.png": paths[row % len(paths)] for row in range(images)}


def plain_loop(files: Mapping[str, Path]) -> NDArray[np.uint8]:
    """What a hand-written preparation does, and nothing else: open, to gray, resize."""
    pixels = np.empty((len(files), SIZE, SIZE), np.uint8)
    for row, path in enumerate(files.values()):
        with Image.open(path) as image:
            gray = image.convert("L")
            # One direction after the other, as ours, so that both have the same pixels.
            gray = gray.resize((SIZE, gray.height), Image.Resampling.BOX)
            pixels[row] = np.asarray(gray.resize((SIZE, SIZE), Image.Resampling.BOX))
    return pixels


def prepare(files: Mapping[str, Path], cache: Path, *, workers: int | None) -> PixelStore:
    """What the harness does with them; see :func:`bench.data.pixel_store.open_pixels`."""
    rows = study_rows({"image": list(files), "findings": [()] * len(files)})
    study = StudyTable(name="test", rows=rows, finding_names=(), reader=FileReader(files))
    return open_pixels(study, image_size=SIZE, cache=cache, workers=workers)


def compare(
    files: Mapping[str, Path], folder: Path, *, rounds: int, threads: int
) -> dict[str, dict[str, Any]]:
    """Rates of the plain loop and of ours, with one thread and with all, turn by turn.

    Args:
        files: path by name.
        folder: for the stores, a new one each time.
        rounds: each way once in each, after a round that does not count.
        threads: all of them.
    """
    ways = {"plain": 0, "one thread": 1, "all threads": threads}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        order = list(ways) if number % 2 else list(ways)[::-1]
        for way in order:
            began = time.perf_counter()
            if way == "plain":
                plain_loop(files)
            else:
                prepare(files, folder / f"{number} {way}", workers=ways[way])
            if number:
                rates[way].append(len(files) / (time.perf_counter() - began) / max(1, ways[way]))
    return {
        way: {
            "threads": max(1, ways[way]),
            "images_per_second_per_core": _describe(each),
            "ratio": _describe([a / b for a, b in zip(each, rates["plain"], strict=True)]),
        }
        for way, each in rates.items()
    }


def peak_mb(files: Mapping[str, Path], cache: Path, *, threads: int) -> float:
    """Peak resident set of a process of its own that prepares the files, in MB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_mb_here, (files, cache, threads))


def _peak_mb_here(files: Mapping[str, Path], cache: Path, threads: int) -> float:
    prepare(files, cache, workers=threads)
    assert "torch" not in sys.modules, "torch takes more memory than what is measured"
    return peak_memory_bytes() / BYTES_PER_MB


def _describe(values: list[float]) -> dict[str, Any]:
    # Not of bench.speed, which needs torch: a process that has it is no measure of memory.
    return {
        "median": float(np.median(values)),
        "min": min(values),
        "max": max(values),
        "repeats": values,
    }


def _environment() -> dict[str, object]:
    import torch

    from bench.environment import describe_environment

    return {
        **describe_environment(torch.device("cpu")).model_dump(),
        "command": " ".join(["python -m tools.preparation", *sys.argv[1:]]),
    }


if __name__ == "__main__":
    main()
