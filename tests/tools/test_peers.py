"""The arithmetic and the files of ``tools/peers``; what needs the peers is measured, not tested."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.data.sources.manifest import ManifestOptions, open_manifest
from tools.peers.compare import markdown, ratios
from tools.peers.image_folder import MANIFEST, Image, divide, read_manifest, write_image_folder
from tools.peers.measure import FailedError, measure
from tools.peers.programs import Bench, Lightning, Timm, Work

SIZES = {"train": 8, "validation": 4, "test": 2}


def images(folder: Path, *, classes: tuple[str, ...] = ("NORMAL", "PNEUMONIA")) -> list[Image]:
    """Twelve of each class, from one to three of a patient."""
    made = []
    for label in classes:
        for number in range(12):
            path = folder / f"{label}-{number}.png"
            Pillow.fromarray(np.full((4, 4), number, dtype=np.uint8)).save(path)
            made.append(Image(path, label, f"{label} {number * number // 13}"))
    return made


def work(folder: Path = Path("images"), *, epochs: int = 2) -> Work:
    return Work(
        images=folder,
        train_images=8,
        image_size=32,
        batch_size=2,
        model="resnet18",
        precision="float32",
        device="cpu",
        workers=2,
        epochs=epochs,
    )


def test_parts_are_balanced_and_share_no_patient(tmp_path: Path) -> None:
    parts = divide(images(tmp_path), SIZES)
    assert {name: Counter(image.label for image in part) for name, part in parts.items()} == {
        name: {"NORMAL": size // 2, "PNEUMONIA": size // 2} for name, size in SIZES.items()
    }
    patients = [{image.patient for image in part} for part in parts.values()]
    assert len(set().union(*patients)) == sum(map(len, patients))
    assert parts == divide(reversed(images(tmp_path)), SIZES)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    made = images(tmp_path)
    with pytest.raises(ValueError, match="3 train images: choose a multiple of 2"):
        divide(made, {"train": 3})
    with pytest.raises(ValueError, match="too few images of class NORMAL for the test part"):
        divide(made, {"train": 20, "test": 8})
    with pytest.raises(ValueError, match="a patient has images of more than one class"):
        divide([*made, made[0]._replace(label="PNEUMONIA")], {"train": 4})


def test_the_folder_and_its_manifest_hold_the_same_images(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "folder"
    source.mkdir()
    parts = divide(images(source), SIZES)
    write_image_folder(parts, folder)
    listed = read_manifest(folder / MANIFEST)
    assert len(listed) == sum(SIZES.values())
    assert all(image.path.resolve().parent == source for image in listed)
    for part, size in SIZES.items():
        assert len(list((folder / part).glob("*/*.png"))) == size
    study = open_manifest(root=folder / MANIFEST, image_size=32, options=ManifestOptions())
    assert Counter(study.rows["given_split"]) == SIZES
    assert study.problems == ()


def test_a_manifest_without_a_column_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows([("path", "label"), ("a.png", "NORMAL")])
    with pytest.raises(ValueError, match="has no column patient"):
        read_manifest(file)


def test_our_steps_are_read_from_the_json_log() -> None:
    ours = Bench(work=work())
    lines = [
        "a warning\n",
        '{"event": "advanced", "label": "decoding images", "done": 1, "total": 14}',
        '{"event": "cell_started", "cell": "resnet18 ce seed 0"}',
        '{"event": "advanced", "label": "resnet18 ce seed 0", "done": 1, "total": 8}',
        '{"event": "validated", "train_seconds": 3.0}',
        '{"event": "advanced", "label": "resnet18 ce seed 0", "done": 8, "total": 8}',
    ]
    for at, line in enumerate(lines):
        ours.read(float(at), line)
    assert (ours.first_step_s, ours.images_per_second) == (3.0, None)
    ours.read(6.0, '{"event": "validated", "train_seconds": 5.0}')
    assert (ours.first_step_s, ours.images_per_second) == (3.0, 4.0)


def test_of_several_epochs_the_median_one_counts_and_the_first_one_never() -> None:
    ours, lightning = Bench(work=work(epochs=4)), Lightning(work=work(epochs=4))
    ours.read(1.0, '{"event": "cell_started", "cell": "one"}')
    ours.read(1.0, '{"event": "advanced", "label": "one", "done": 1, "total": 16}')
    for at, seconds in enumerate((9.0, 10.0, 12.0, 20.0)):
        assert ours.images_per_second is None
        ours.read(float(at), json.dumps({"event": "validated", "train_seconds": seconds}))
    assert ours.images_per_second == 8 / 2.0
    for at, step in ((1, 1), (9, 4), (10, 5), (11, 8), (20, 9), (22, 12), (30, 13), (38, 16)):
        assert lightning.images_per_second is None
        lightning.read(float(at), f"step {step}\n")
    assert lightning.images_per_second == 3 * 2 / 2.0


@pytest.mark.parametrize("peer", ["timm", "lightning"])
def test_their_steps_are_read_from_what_they_print(peer: str) -> None:
    """Four steps an epoch; the second epoch counts from the end of its first step."""
    timm, lightning = Timm(work=work(), script=Path("train.py")), Lightning(work=work())
    for at, step in ((4.0, 1), (7.0, 4), (9.0, 5), (12.0, 8)):
        epoch, within = divmod(step - 1, 4)
        timm.read(at, f"Train: {epoch} [{within:>4d}/4 ( 25%)]  Loss: 0.7 (0.7)  Time: 0.5s\n")
        timm.read(at, f"Test: [{within:>4d}/1]  Time: 0.5\n")
        lightning.read(at, f"step {step}\n")
    program = {"timm": timm, "lightning": lightning}[peer]
    assert (program.first_step_s, program.images_per_second) == (4.0, 3 * 2 / 3.0)


def test_the_checkout_that_holds_timms_script_does_not_lend_it_its_modules(tmp_path: Path) -> None:
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "__init__.py").touch()
    script = tmp_path / "train.py"
    script.write_text("from importlib.util import find_spec; print(find_spec('timm').origin)")
    command = Timm(work=work(), script=script).command(tmp_path / "out")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    installed = find_spec("timm")
    assert installed is not None
    assert done.stdout.strip() == installed.origin


def test_a_line_that_is_not_understood_does_not_hang_the_process(tmp_path: Path) -> None:
    def refuse(_at: float, line: str) -> None:
        raise ValueError(line.strip())

    code = "for number in range(20_000): print(number)"  # more than a pipe holds
    with pytest.raises(ValueError, match=r"^0$"):
        measure([sys.executable, "-c", code], environment={}, folder=tmp_path, on_line=refuse)


def test_a_measured_process_is_seen_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time; block = bytearray(300 << 20); print('made', flush=True); "
        "subprocess.run([sys.executable, '-c', 'import time; time.sleep(1.2)'])"
    )
    seen: list[tuple[float, str]] = []
    measured = measure(
        [sys.executable, "-c", code],
        environment={},
        folder=tmp_path,
        on_line=lambda at, line: seen.append((at, line)),
    )
    assert [line for _, line in seen] == ["made\n"]
    assert 0 < seen[0][0] < measured.seconds
    assert measured.seconds > 1.2
    assert measured.together_mib > 300
    assert measured.largest_mib > 300


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match=r"exit code 3: (.|\n)*out of luck"):
        measure(
            [sys.executable, "-c", "print('out of luck'); raise SystemExit(3)"],
            environment={},
            folder=tmp_path,
            on_line=lambda at, line: None,  # noqa: ARG005
        )


def run(scale: float, *, rate: float) -> dict[str, float]:
    return {
        "seconds": 10 * scale,
        "first_step_s": 4 * scale,
        "images_per_second": rate,
        "largest_mib": 1000 * scale,
        "together_mib": 2000 * scale,
    }


# A slow second round: its ratios are those of the others.
ROUNDS = [
    {"bench": run(1, rate=90), "timm": run(2, rate=45), "lightning": run(4, rate=60)},
    {"bench": run(3, rate=30), "timm": run(6, rate=15), "lightning": run(12, rate=20)},
    {"bench": run(1, rate=90), "timm": run(1, rate=100), "lightning": run(0.5, rate=80)},
]


def test_ratios_are_taken_within_rounds() -> None:
    assert ratios(ROUNDS, "seconds", "timm") == [0.5, 0.5, 1.0]
    assert ratios(ROUNDS, "images_per_second", "lightning") == [1.5, 1.5, 1.125]


def test_the_table_has_medians_and_ratios() -> None:
    lines = markdown(ROUNDS).splitlines()
    assert "| bench | 10 | 4 | 90 | 1,000 | 2,000 |" in lines
    assert "| timm | 20 | 8 | 45 | 2,000 | 4,000 |" in lines
    (row,) = (line for line in lines if line.startswith("| bench / timm "))
    assert row.split("|")[2].strip() == "0.50 (0.50 to 1.00)"
    assert row.split("|")[4].strip() == "2.00 (0.90 to 2.00)"
