"""A run on DICOM files, from the folder to the report: nothing in it names a patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.cli.conftest import TINY, Command

pytest.importorskip("pydicom", reason="the extra dicom is not installed")

from tests.bench.data.dicom_files import write_dicom

SECRETS = ("Secret", "1.777777.")  # in file names, names, ids and UIDs
IMAGES = 60


def write_export(folder: Path) -> None:
    """Sixty radiographs, every third a new patient's, every other bright at its base."""
    generator = np.random.default_rng(0)
    lines = ["Accession,Befund"]
    for number in range(IMAGES):
        pixels = generator.integers(600, 1600, (32, 32), dtype=np.uint16)
        if number % 2:
            pixels[24:] += 600
        patient = f"Secret{number // 3}"
        elements: dict[str, Any] = {
            "BitsStored": 12, "WindowCenter": 1600, "WindowWidth": 3200,
            "PatientID": patient, "PatientName": f"Secret^{patient}",
            "PatientSex": "FM"[number % 2], "PatientAge": f"{30 + number:03}Y",
            "AccessionNumber": f"Secret{number}",
            "StudyInstanceUID": f"1.777777.{number}", "SOPInstanceUID": f"1.777777.{number}.1",
            "ViewPosition": "PA",
        }  # fmt: skip
        (folder / patient).mkdir(parents=True, exist_ok=True)
        write_dicom(folder / patient / f"Secret{number}.dcm", pixels, **elements)
        lines.append(f"Secret{number},{'Erguss' if number % 2 else 'normal'}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.usefixtures("nothing_drawn")  # pictures are encoded, so that no name would be seen
def test_nothing_in_a_results_folder_names_a_patient(bench: Command, tiny_plugin: Path) -> None:
    write_export(Path("export"))
    (Path("export") / "Secret_broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\0\x10\0??")
    outcome = bench(
        "run", "tiny", "--config", "dicom", "--data", "export", "--plugin", tiny_plugin,
        "--loss", "ce", "--seeds", "0", *TINY[2:], "--set", "data.options.label_column=Befund",
        "--set", "data.on_bad=skip", "--set", "controls=[same_patient, metadata]", "--out", "out",
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    for report, file in (("html", "page.html"), ("json", "table.json")):
        reported = bench("report", report, "--out", "out")
        assert reported.code == 0
        (Path("out") / file).write_text(reported.out)
    page = (Path("out") / "page.html").read_text()
    assert "image-" in page  # the hardest images, by their hashes
    files = [path for path in Path("out").rglob("*") if path.is_file()]
    assert len(files) > 20
    named = [
        (str(path), secret)
        for path in files
        for secret in SECRETS
        if secret.encode() in path.read_bytes() or secret in str(path)
    ]
    assert named == []
    controls = {path.name.split("-")[0] for path in Path("out").iterdir() if path.is_dir()}
    assert {"same_patient", "metadata"} <= controls
