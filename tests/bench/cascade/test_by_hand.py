"""The cascade's arithmetic against figures worked out by hand (see ``by_hand``)."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.evaluate.results import Row
from bench.runs.records import Outcome
from tests.bench.cascade.by_hand import M1, TEST, add_by_hand, new_store
from tests.bench.cascade.stage_runs import StageRuns

CASCADE, FLAT, ALWAYS_NORMAL = "cascade: net ce", "flat: net ce", "always normal: no network"
MEASURES = (
    *("exact_match", "normal_right", "macro_precision", "macro_recall", "macro_f1", "micro_f1"),
    *("macro_auc", "lost_m1", "lost_m2", "lost_leaf"),
)


@pytest.fixture(scope="module")
def rows(_by_hand: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """The rows of the report on these runs."""
    root = tmp_path_factory.mktemp("rows")
    shutil.copytree(_by_hand, root, dirs_exist_ok=True)
    runs = new_store(root)
    runs.assembled()
    return runs.rows_of_findings14()


def values(row: Row) -> list[float]:
    return [row.figures[name].value for name in MEASURES]


def test_every_figure_of_the_table(rows: dict[str, Row]) -> None:
    nan = np.nan
    # Of findings named: E 4 of 6 right and 4 of 5 found; M 4 of 4, 4 of 5; N 1 of 3, 1 of 2.
    expected = [0.4, 0.5, 2 / 3, 0.7, (8 / 11 + 8 / 9 + 2 / 5) / 3, 18 / 25]
    ranks = (23 / 25 + 22 / 25 + 13 / 16) / 3
    assert values(rows[CASCADE]) == pytest.approx([*expected, ranks, 0.2, 0.2, 0.2])
    # E 5 of 5 right and 5 of 5 found; M 4 of 4, 4 of 5; N 2 of 3, 2 of 2. It errs in t0, which is
    # normal, and in t4, where it names none of Mass.
    expected = [0.8, 0.5, 8 / 9, 14 / 15, (1 + 8 / 9 + 4 / 5) / 3, 22 / 24, 1.0]
    assert values(rows[FLAT])[:7] == pytest.approx(expected)
    assert sum(values(rows[FLAT])[7:]) == pytest.approx(0.2)
    # Nothing is ever named, so that no finding has a precision.
    expected = [0.2, 1.0, nan, 0.0, 0.0, 0.0, 0.5, 0.8, 0.0, 0.0]
    assert values(rows[ALWAYS_NORMAL]) == pytest.approx(expected, nan_ok=True)


def test_every_figure_of_every_finding(rows: dict[str, Row]) -> None:
    found = {
        name: [figures[m].value for m in ("precision", "recall", "f1", "auc")]
        for name, figures in rows[CASCADE].findings.items()
    }
    # Soft scores of Nodule: 0.378 and 0.234 with it; 0.01, 0.07, 0.09, 0.03, 0.09, 0.29, 0.09
    # and 0.522 without: 13 of 16 pairs are in order.
    assert found["Edema"] == pytest.approx([4 / 6, 4 / 5, 8 / 11, 23 / 25])
    assert found["Mass"] == pytest.approx([1.0, 4 / 5, 8 / 9, 22 / 25])
    assert found["Nodule"] == pytest.approx([1 / 3, 1 / 2, 2 / 5, 13 / 16])
    assert found["Hernia"] == pytest.approx([np.nan] * 4, nan_ok=True)


def test_a_cascade_has_intervals_and_a_comparison_like_any_other_row(
    rows: dict[str, Row],
) -> None:
    assert rows["net ce"].is_reference
    for name in (CASCADE, FLAT):
        comparison = rows[name].comparison
        assert comparison is not None
        assert comparison.difference.value == pytest.approx(
            rows[name].figures["macro_auc"].value - rows["net ce"].figures["macro_auc"].value
        )
        assert rows[name].figures["exact_match"].has_interval
    assert rows[CASCADE].seeds == (0,)
    assert rows[CASCADE].weights == "from scratch"


def test_assembling_again_changes_no_file(runs: StageRuns) -> None:
    def stamps() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in runs.store.root.glob("*/*.*")}

    first = runs.assembled()
    before = stamps()
    assert runs.assembled() == first
    assert stamps() == before


def test_a_stage_that_was_trained_again_changes_the_stored_cascade(runs: StageRuns) -> None:
    runs.assembled()
    blind = M1.copy()
    blind[TEST] = 0.1
    runs.add("m1", blind)
    runs.assembled()
    # Everything normal: two of ten right, the rest lost at m1.
    row = runs.rows_of_findings14()[CASCADE]
    assert row.figures["exact_match"].value == pytest.approx(0.2)
    assert row.figures["lost_m1"].value == pytest.approx(0.8)


def test_a_stage_that_was_run_again_and_failed_takes_the_stored_cascade_away(
    runs: StageRuns,
) -> None:
    runs.assembled()
    runs.add("m2", outcome=Outcome(state="failed", reason="no memory"))
    assert runs.assembled().incomplete
    assert runs.rows_of_findings14().keys() == {"net ce", FLAT, ALWAYS_NORMAL}


def test_without_the_flat_network_nobody_says_what_the_images_show(empty: StageRuns) -> None:
    add_by_hand(empty, but=("findings14",))
    add_by_hand(empty, but=("m1", "m2", "m3", "m4"), model="prior")
    assembled = empty.assembled()
    assert assembled.incomplete
    assert "no flat of net ce seed 0: findings14 has no run that can be used" in assembled.missing
    assert CASCADE in empty.rows_of_findings14()


def test_seeds_are_averaged_and_one_without_all_stages_is_named(runs: StageRuns) -> None:
    blind = M1.copy()
    blind[TEST] = 0.1
    runs.add("m1", blind, seed=1)
    add_by_hand(runs, but=("m1", "findings14"), seed=1)
    runs.add("findings14", seed=1, outcome=Outcome(state="failed", reason="out\nof memory"))
    add_by_hand(runs, but=("m2", "m4"), seed=2)
    assembled = runs.assembled()
    assert assembled.incomplete
    assert assembled.missing == (
        "no flat of net ce seed 1: findings14 failed (out of memory)",
        "no cascade of net ce seed 2: m2 has no run that can be used, "
        "m4 has no run that can be used",
    )
    row = runs.rows_of_findings14()[CASCADE]
    assert row.seeds == (0, 1)
    figure = row.figures["exact_match"]
    assert (figure.value, figure.deviation) == pytest.approx((0.3, 0.2 / 2**0.5))


def test_a_control_is_a_cascade_too_and_one_that_cannot_be_had_is_no_fault(
    runs: StageRuns,
) -> None:
    add_by_hand(runs, model="prior")
    for task in ("m1", "m2", "m3", "m4", "findings14"):
        outcome = Outcome(state="unavailable", reason="no patient ids")
        runs.add(task, model="same_patient", outcome=outcome)
    assembled = runs.assembled()
    assert not assembled.incomplete
    assert any("m1 is not available (no patient ids)" in line for line in assembled.missing)
    rows = runs.rows_of_findings14()
    assert rows["cascade: prior"].figures["exact_match"].value == pytest.approx(0.4)
    assert rows["flat: prior"].figures["exact_match"].value == pytest.approx(0.8)


def test_settings_tell_two_cascades_of_one_model_apart(empty: StageRuns) -> None:
    for lr in (0.1, 0.2):
        add_by_hand(empty, settings={"train": {"lr": lr}, "model": {"pretrained": False}})
    assert len(empty.assembled().runs) == 5
    names = [run.folder.name for run in empty.store.runs() if run.cell.system == "cascade"]
    assert len(names) == 2


def test_networks_that_are_always_right_lose_nothing(empty: StageRuns) -> None:
    empty.add_perfect()
    empty.assembled()
    rows = empty.rows_of_findings14()
    for name in (CASCADE, FLAT):
        figures = rows[name].figures
        right = ("exact_match", "normal_right", "macro_recall", "macro_f1", "macro_auc")
        assert {figures[measure].value for measure in right} == {1.0}
        assert {figures[f"lost_{stage}"].value for stage in ("m1", "m2", "leaf")} == {0.0}
