"""Runs of one split and seed make a cascade; others are refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from threading import Timer

import numpy as np
import pytest
from filelock import FileLock

from bench.cascade.assemble import assemble
from bench.data.splits import Split
from bench.errors import InputError
from bench.runs.store import LOCKS
from tests.bench.cascade.by_hand import FINDINGS, PROBABILITIES, ROWS, SPLIT, add_by_hand
from tests.bench.cascade.stage_runs import StageRuns
from tests.bench.records import as_written


def on_another_split(runs: StageRuns) -> StageRuns:
    """The same store and images; a learned image and a validation image are exchanged."""
    parts = np.select(
        [np.isin(np.arange(len(ROWS)), SPLIT.parts[p]) for p in SPLIT.parts], [0, 1, 2]
    )
    parts[[0, 2]] = parts[[2, 0]]
    split = Split.of(
        parts, rows=ROWS, name="image", seed=4, claims_disjoint=False, how="by hand, too"
    )
    return StageRuns(runs.store.root, rows=ROWS, split=split, findings=FINDINGS)


def refusal(runs: StageRuns) -> str:
    with pytest.raises(InputError) as refused:
        runs.assembled()
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("other", ["split", "data"])
def test_stages_on_different_splits_or_data_make_no_cascade(empty: StageRuns, other: str) -> None:
    add_by_hand(empty, but=("m3",))
    if other == "split":
        on_another_split(empty).add("m3", PROBABILITIES["m3"])
    else:
        empty.add("m3", PROBABILITIES["m3"], about={"fingerprint": "e" * 64})
    assembled = empty.assembled()
    assert assembled.incomplete
    assert set(assembled.missing) == {
        "no cascade of net ce seed 0: m3 has no run that can be used",
        "no finished run of findings14 beside those of m3",
    }
    assert "cascade" not in {run.cell.system for run in empty.store.runs()}


def test_each_split_has_its_own_cascades(runs: StageRuns) -> None:
    other = on_another_split(runs)
    add_by_hand(other)
    assembled = runs.assembled()
    assert len(assembled.runs) == 6
    stored = [run for run in runs.store.runs() if run.folder.name in assembled.runs]
    assert sorted(run.data.split.seed for run in stored) == [3, 3, 3, 4, 4, 4]
    assert not assembled.incomplete


def test_a_split_on_which_only_m1_was_run_is_named(runs: StageRuns) -> None:
    on_another_split(runs).add("m1", PROBABILITIES["m1"])
    assert runs.assembled().missing == ("no finished run of findings14 beside those of m1",)


def test_a_cascade_that_another_process_is_storing_is_waited_for(runs: StageRuns) -> None:
    expected = runs.assembled()
    lock = FileLock(runs.store.root / LOCKS / f"{expected.runs[0]}.lock", thread_local=False)
    lock.acquire()
    Timer(1.5, lock.release).start()  # longer than the patience of those that only look
    assert runs.assembled() == expected
    assert not lock.is_locked


def test_nothing_to_evaluate_is_refused(empty: StageRuns) -> None:
    with pytest.raises(InputError, match="there is no run of m1, m2, m3, m4, findings14"):
        assemble([], store=empty.store)
    empty.add("m1", PROBABILITIES["m1"])
    assert refusal(empty) == (
        "no cascade to evaluate: no finished run of findings14 beside those of m1; "
        "bench cascade MODEL trains what is missing"
    )


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert text.count(old) == 1
    with as_written(folder):
        (folder / name).write_text(text.replace(old, new))


def folder_of(runs: StageRuns, task: str) -> Path:
    (folder,) = (run.folder for run in runs.store.runs() if run.data.task == task)
    return folder


@pytest.mark.parametrize(
    ("task", "file", "old", "new", "what"),
    [
        ("m3", "others.csv", "test,t0,", "test,b,", "test images 'b', from which the stages learn"),
        ("m2", "others.csv", "test,t0,", "test,c0,", "test images 'c0', which the split has else"),
        ("m1", "predictions.csv", "validation,c1,", "validation,a,", "validation images 'a', from"),
        ("m4", "predictions.csv", "validation,c1,", "validation,a,", "validation images 'a', from"),
        ("findings14", "predictions.csv", "validation,c1,", "validation,a,", "images 'a', from"),
    ],
)
def test_an_image_of_another_part_is_refused(
    runs: StageRuns, task: str, file: str, old: str, new: str, what: str
) -> None:
    folder = folder_of(runs, task)
    edit(folder, file, old, new)
    message = refusal(runs)
    assert message.startswith(f"run {folder.name} has among its ")
    assert what in message


def test_a_stage_without_answers_for_every_image_is_refused(runs: StageRuns) -> None:
    folder = folder_of(runs, "m4")
    with as_written(folder):
        (folder / "others.csv").unlink()
    assert refusal(runs).startswith(f"run {folder.name} does not predict every test image")


def test_the_split_file_is_needed_and_must_be_the_runs_own(runs: StageRuns) -> None:
    (path,) = runs.store.splits.iterdir()
    content = path.read_text()
    path.unlink()
    assert refusal(runs).startswith(f"split file {str(path)!r} is not there")
    path.write_text(content.replace("t0,test", "t0,train"))
    assert "was changed after it was written" in refusal(runs)
    other = replace(SPLIT, hash=SPLIT.hash[:12] + "0" * 52)
    other.write(path.parent, ROWS)
    assert "was changed after it was written" in refusal(runs)
    on_another_split(runs)
    next(path.parent.glob("image-seed4-*")).replace(path)
    assert refusal(runs).startswith(
        f"split file {str(path)!r} is another split than that of the runs"
    )


def test_probabilities_that_are_none_are_refused(runs: StageRuns) -> None:
    folder = folder_of(runs, "m1")
    edit(folder, "predictions.csv", "test,t0,t0,0,0.1", "test,t0,t0,0,1.1")
    assembled = runs.assembled()
    assert assembled.incomplete
    assert "no cascade of net ce seed 0: m1 has no run that can be used" in assembled.missing
    assert [unusable.name for unusable in runs.store.survey().unusable] == [folder.name]


def test_a_damaged_stage_deletes_no_cascade(runs: StageRuns) -> None:
    before = [runs.store.root / name for name in runs.assembled().runs]
    (folder_of(runs, "m2") / "data.json").unlink()
    assert runs.assembled().incomplete
    assert all(folder.is_dir() for folder in before)


def test_a_damaged_run_of_another_network_spares_no_cascade_of_a_stage_that_is_gone(
    runs: StageRuns,
) -> None:
    (cascade,) = (runs.store.root / name for name in runs.assembled().runs if "-cascade-" in name)
    other = runs.add("m2", PROBABILITIES["m2"], model="other")
    (other / "data.json").unlink()
    shutil.rmtree(folder_of(runs, "m2"))
    assert runs.assembled().incomplete
    assert not cascade.exists()


def test_a_renamed_stage_deletes_no_cascade(runs: StageRuns) -> None:
    before = [runs.store.root / name for name in runs.assembled().runs]
    folder_of(runs, "m2").rename(runs.store.root / "renamed")
    assert runs.assembled().incomplete
    assert all(folder.is_dir() for folder in before)
