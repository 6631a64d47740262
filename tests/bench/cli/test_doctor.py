"""``bench doctor``."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from tests.bench.cli.conftest import TINY, Command

RUNS = Path("results/runs")


def test_faults_are_listed_and_mended(bench: Command, tiny_runs: tuple[object, ...]) -> None:
    assert bench("report", "csv").code == 0
    whole = bench("doctor")
    assert (whole.code, "no fault" in whole.out) == (0, True)
    (run,) = RUNS.glob("tiny-ce-*")
    predictions = (run / "predictions.csv").read_bytes()
    (run / "predictions.csv").write_bytes(predictions[:-5])
    (prior,) = RUNS.glob("prior-*")
    leftovers = [
        prior / "last.pt",
        prior / ".run.json.7.partial",
        RUNS / "splits" / ".patient.csv.7.partial",
        RUNS / ".locks" / "gone.lock",
    ]
    for path in leftovers:
        path.write_bytes(b"")
    (split,) = (RUNS / "splits").glob("*.csv")
    split.write_text(split.read_text().replace("test", "train", 1))
    for record in (RUNS / "experiments").iterdir():
        record.write_text("{")
    found = bench("doctor")
    assert found.code == 1
    for path in (run, split, *(RUNS / "experiments").iterdir(), *leftovers):
        assert f"{path.relative_to(RUNS)}: " in found.out

    repaired = bench("doctor", "--repair")
    assert repaired.code == 1
    assert not any(path.exists() for path in leftovers)
    assert (RUNS / "damaged" / run.name / "predictions.csv").read_bytes() == predictions[:-5]
    # The split is written from the images, and the predictions are made anew.
    assert "2 faults " in repaired.out
    again = bench(*tiny_runs)
    assert (again.code, "1 finished" in again.out) == (0, True)
    assert (run / "predictions.csv").read_bytes() == predictions
    assert bench("doctor").code == 0


@pytest.mark.usefixtures("tiny_runs")
def test_what_a_process_holds_is_left_alone(bench: Command) -> None:
    (run,) = RUNS.glob("tiny-ce-*")
    (run / "data.json").unlink()
    for prior in RUNS.glob("*/data.json"):
        prior.write_text(prior.read_text().replace("root", "r00t"))
    partial, lock = run / ".history.csv.7.partial", RUNS / ".locks" / f"{run.name}.lock"
    partial.write_bytes(b"")
    with FileLock(lock):
        assert bench("doctor", "--repair").code == 1
        assert run.is_dir()
        assert partial.exists()
    bench("doctor", "--repair")
    assert not run.exists()


def test_a_damaged_record_of_a_tuning_is_named_by_tunings(
    bench: Command, tiny_plugin: Path
) -> None:
    command = ("tune", "tiny", "--loss", "ce", "--budget", "trials=1", "--seeds", "0")
    assert bench(*command, "--plugin", tiny_plugin, *TINY, "--set", "controls=[]").code == 0
    assert bench("doctor").code == bench("tunings").code == 0
    (experiment,) = (RUNS / "experiments").iterdir()
    content = experiment.read_bytes()
    experiment.write_bytes(content[:-9])
    assert (bench("tunings").code, bench("doctor").code) == (0, 1)
    experiment.write_bytes(content)
    (record,) = (RUNS / "tuning").glob("*.json")
    record.write_text(record.read_text().replace("validation_auc", "validation_acu"))
    for name in ("tunings", "doctor"):
        outcome = bench(name)
        assert (outcome.code, record.name in outcome.out + outcome.err) == (1, True)
    report = bench("report", "markdown")
    assert (report.code, f"tuning/{record.name} is damaged" in report.out) == (1, True)
    assert bench("doctor", "--repair").code == 0


def test_a_folder_that_is_not_there(bench: Command) -> None:
    assert bench("doctor", "--out", "nowhere").code == 2
