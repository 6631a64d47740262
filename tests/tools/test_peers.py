"""The arithmetic and the files of ``tools/peers``; what needs the peers is measured, not tested."""

from __future__ import annotations

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
from tools.peers.programs import Steps, Work, timm_command

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
    file = tmp_path / "list.csv"
    file.write_text("path,label\na.png,NORMAL\n")
    with pytest.raises(ValueError, match="has no column patient"):
        read_manifest(file)


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


def test_our_steps_are_read_from_the_json_log() -> None:
    """The median epoch counts, and the first one never."""
    ours = Steps(work=work(epochs=4))
    lines = [
        "a warning\n",
        '{"event": "advanced", "label": "decoding images", "done": 1, "total": 14}',
        '{"event": "cell_started", "cell": "resnet18 ce seed 0"}',
        '{"event": "advanced", "label": "resnet18 ce seed 0", "done": 1, "total": 16}',
        '{"event": "advanced", "label": "resnet18 ce seed 0", "done": 8, "total": 16}',
    ]
    for at, line in enumerate(lines):
        ours.read(float(at), line)
    for seconds in (9.0, 10.0, 12.0, 20.0):
        assert ours.images_per_second is None
        ours.read(9.0, json.dumps({"event": "validated", "train_seconds": seconds}))
    assert (ours.first_step_s, ours.images_per_second) == (3.0, 8 / 2.0)


@pytest.mark.parametrize("peer", ["timm", "lightning"])
def test_their_steps_are_read_from_what_they_print(peer: str) -> None:
    """Four steps an epoch; an epoch counts from the end of its first step."""
    steps = Steps(work=work(epochs=4))
    for at, step in ((1, 1), (9, 4), (10, 5), (11, 8), (20, 9), (22, 12), (30, 13), (38, 16)):
        assert steps.images_per_second is None
        epoch, within = divmod(step - 1, 4)
        if peer == "timm":
            steps.read(at, f"Train: {epoch} [{within:>4d}/4 ( 25%)]  Loss: 0.7 (0.7)  Time: 0.5\n")
            steps.read(at, f"Test: [{within:>4d}/1]  Time: 0.5\n")
        else:
            steps.read(at, f"step {step}\n")
    assert (steps.first_step_s, steps.images_per_second) == (1, 3 * 2 / 2.0)


def test_the_checkout_that_holds_timms_script_does_not_lend_it_its_modules(tmp_path: Path) -> None:
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "__init__.py").touch()
    script = tmp_path / "train.py"
    script.write_text("from importlib.util import find_spec; print(find_spec('timm').origin)")
    command = timm_command(work(), tmp_path / "out", script=script)
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
    child = "block = bytearray(300 << 20)"
    code = (
        "import subprocess, sys; print('made', flush=True); "
        f"subprocess.run([sys.executable, '-c', '{child}'])"
    )
    seen: list[tuple[float, str]] = []
    measured = measure(
        [sys.executable, "-c", code],
        environment={},
        folder=tmp_path,
        on_line=lambda at, line: seen.append((at, line)),
    )
    assert [line for _, line in seen] == ["made\n"]
    assert 0 < seen[0][0] < measured["seconds"]
    assert measured["largest_mib"] > 300


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match=r"exit code 3: (.|\n)*out of luck"):
        measure(
            [sys.executable, "-c", "print('out of luck'); raise SystemExit(3)"],
            environment={},
            folder=tmp_path,
            on_line=lambda at, line: None,  # noqa: ARG005
        )


def figures(scale: float, *, rate: float) -> dict[str, float]:
    return {
        "seconds": 10 * scale,
        "first_step_s": 4 * scale,
        "images_per_second": rate,
        "largest_mib": 1000 * scale,
    }


def test_the_table_has_medians_and_ratios_within_rounds() -> None:
    """A slow second round: its ratios are those of the others."""
    rounds = [
        {name: figures(scale, rate=rate) for name, (scale, rate) in found.items()}
        for found in (
            {"bench": (1, 90), "timm": (2, 45), "lightning": (4, 60)},
            {"bench": (3, 30), "timm": (6, 15), "lightning": (12, 20)},
            {"bench": (1, 90), "timm": (1, 100), "lightning": (0.5, 80)},
        )
    ]
    assert ratios(rounds, "images_per_second", "lightning") == [1.5, 1.5, 1.125]
    lines = markdown(rounds).splitlines()
    assert "| bench | 10 | 4 | 90 | 1,000 |" in lines
    (row,) = (line for line in lines if line.startswith("| bench / timm "))
    assert row.split("|")[2].strip() == "0.50 (0.50 to 1.00)"
    assert row.split("|")[4].strip() == "2.00 (0.90 to 2.00)"
