"""From a file of predictions to a row of the table, by the labels alone."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from bench.config import Experiment
from bench.data.sources import nih
from bench.data.study import NIH_FINDINGS
from bench.errors import InputError
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.collect import collect
from bench.evaluate.results import Reference
from bench.evaluate.score import score_predictions
from bench.evaluate.scorer import Scorer
from bench.imported import Combine, Imported
from bench.runs.cells import ImportSettings
from bench.runs.records import ImportRecord
from bench.runs.run import Run
from bench.runs.store import Store
from tests.bench.imported.small import (
    FINDINGS,
    FIRST_TESTED,
    IMAGES,
    TEST,
    TRAINING,
    experiment,
    import_file,
    write_csv,
    write_labels,
)
from tests.bench.nih_part import part_of_nih

SICK = np.array([bool(FINDINGS[number % 4]) for number in range(FIRST_TESTED, IMAGES)])
RISING = [number / 20 for number in range(len(TEST))]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_labels(tmp_path / "nih")


def stored(out: Path) -> dict[str, Run]:
    return {run.cell.model: run for run in Store(out).runs()}


def test_test_images_alone_are_judged_without_a_threshold(labels: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", {"image": TEST, "probability": RISING})
    found = import_file(path, experiment(labels), tmp_path / "out")
    auc = roc_auc_score(SICK, RISING)
    assert math.isclose(found.auc, auc, abs_tol=1e-12)
    assert found.match.images == {"validation": 0, "test": 12}
    assert found.match.of == {"validation": 4, "test": 12}
    assert found.match.lacks_threshold
    (run,) = Store(tmp_path / "out").runs()
    assert run.folder == found.folder
    assert (run.outcome.state, run.outcome.costs) == ("finished", None)
    assert isinstance(run.cell.settings, ImportSettings)
    assert run.imported == ImportRecord(
        file="p.csv",
        digest=run.cell.settings.predictions.digest,
        combine=None,
        images={"validation": 0, "test": 12},
        of={"validation": 4, "test": 12},
        ignored=0,
    )
    figures = score_predictions(run.predictions(), run.outputs, Resampling(count=50)).figures
    assert math.isclose(figures["auc"].value, auc, abs_tol=1e-12)
    assert math.isnan(figures["accuracy"].value)
    (table,) = collect([run], scorer=Scorer(Resampling(count=50)))
    assert table.data.image_size is None
    assert [row.name for row in table.rows] == ["imported: theirs"]


def test_validation_images_choose_the_threshold_and_training_images_do_nothing(
    labels: Path, tmp_path: Path
) -> None:
    p = {name: 0.4 if row % 4 == 0 else 0.6 for row, name in enumerate([*TRAINING, *TEST])}
    path = write_csv(tmp_path / "p.csv", {"image": list(p), "probability": list(p.values())})
    found = import_file(path, experiment(labels), tmp_path / "out")
    assert found.match.images == {"validation": 4, "test": 12}
    assert found.match.ignored == {"of the training part": 8}
    (run,) = Store(tmp_path / "out").runs()
    assert run.imported is not None
    assert run.imported.ignored == 8
    figures = score_predictions(run.predictions(), run.outputs, Resampling(count=50)).figures
    assert figures["accuracy"].value == 1.0


def test_a_validation_part_of_one_class_chooses_nothing(labels: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", {"image": TEST, "probability": RISING})
    import_file(path, experiment(labels), tmp_path / "out")
    (split,) = (tmp_path / "out" / "splits").iterdir()
    listed = pd.read_csv(split, comment="#")
    validated = listed.loc[listed["part"] == "validation", "image"]
    normal = next(name for name in validated if int(name[:8]) % 4 == 0)
    path = write_csv(
        tmp_path / "q.csv", {"image": [*TEST, normal], "probability": [*RISING, 0.125]}
    )
    found = import_file(path, experiment(labels), tmp_path / "out", name="other")
    assert found.match.images == {"validation": 0, "test": 12}
    assert list(found.match.ignored.values()) == [1]
    assert "all of one class" in next(iter(found.match.ignored))


def test_partial_predictions_are_compared_on_the_common_images(
    labels: Path, tmp_path: Path
) -> None:
    out, plan = tmp_path / "out", experiment(labels)
    whole = write_csv(tmp_path / "whole.csv", {"image": TEST, "probability": RISING})
    part = write_csv(
        tmp_path / "part.csv", {"image": TEST[:8], "probability": [1 - p for p in RISING[:8]]}
    )
    import_file(whole, plan, out, name="whole")
    found = import_file(part, plan, out, name="part")
    assert found.match.images == {"validation": 0, "test": 8}
    (table,) = collect(
        Store(out).runs(),
        scorer=Scorer(Resampling(count=50)),
        reference=Reference(model="whole", loss=""),
    )
    by_name = {row.model: row for row in table.rows}
    versus = by_name["part"].comparison
    assert versus is not None
    assert versus.images == 8
    # Normal are the 1st and 5th of the eight, below 6 and 3 of the 6 abnormal ones.
    one, other = roc_auc_score(SICK[:8], -np.arange(8)), roc_auc_score(SICK[:8], np.arange(8))
    assert (one, other) == (3 / 12, 9 / 12)
    assert math.isclose(versus.difference.value, one - other, abs_tol=1e-12)
    whole_auc = by_name["whole"].figures["auc"].value
    assert math.isclose(whole_auc, roc_auc_score(SICK, RISING), abs_tol=1e-12)


def test_what_a_task_does_not_ask_about_is_not_judged(labels: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", {"image": TEST, "probability": RISING})
    found = import_file(path, experiment(labels, task="m2"), tmp_path / "out")
    assert found.match.images == {"validation": 0, "test": 9}
    assert found.match.ignored == {"not asked about by task m2": 3}
    several = [FINDINGS[int(one[:8]) % 4] == "Mass|Nodule" for one in np.array(TEST)[SICK]]
    assert math.isclose(found.auc, roc_auc_score(several, np.array(RISING)[SICK]), abs_tol=1e-12)


def test_the_same_import_is_done_once_and_another_is_refused(labels: Path, tmp_path: Path) -> None:
    out, plan = tmp_path / "out", experiment(labels)
    path = write_csv(tmp_path / "p.csv", {"image": TEST, "probability": RISING})
    first = import_file(path, plan, out)
    again = import_file(path, plan, out)
    assert (first.already, again.already) == (False, True)
    assert (first.folder, first.auc) == (again.folder, again.auc)
    other = write_csv(tmp_path / "q.csv", {"image": TEST, "probability": RISING[::-1]})
    with pytest.raises(InputError, match=r"'theirs' is taken .* by predictions of p\.csv: .*--as"):
        import_file(other, plan, out)
    import_file(other, plan, out, name="others")
    assert stored(out).keys() == {"theirs", "others"}


@pytest.mark.parametrize("name", ["", "a/b", "..", "-x", "a b", "é", "x" * 65])
def test_a_name_that_cannot_name_a_folder(labels: Path, tmp_path: Path, name: str) -> None:
    path = write_csv(tmp_path / "p.csv", {"image": TEST, "probability": RISING})
    with pytest.raises(InputError, match="no name for a row"):
        import_file(path, experiment(labels), tmp_path / "out", name=name)
    assert not (tmp_path / "out").exists()


def test_predictions_of_training_images_alone_are_refused(labels: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", {"image": TRAINING, "probability": RISING})
    with pytest.raises(InputError, match=r"none of the predicted images .* 12 test"):
        import_file(path, experiment(labels), tmp_path / "out")
    assert not (tmp_path / "out").exists()


TEXTS = st.sampled_from(["0", "1", "0.5", "0.25", "1e-3", " 0.75", "", "nan", "2", "-1", "x", "é"])
NAMES = st.sampled_from([*TEST, *TRAINING[:4], "x/" + TEST[0], "unknown.png", "", "NA"])
HEADS = st.sampled_from(
    ["probability", "prob_abnormal", "patient", *(f"prob_{finding}" for finding in NIH_FINDINGS)]
)
HOSTILE = st.one_of(
    st.text(max_size=60).map(lambda text: "image,probability\n" + text),
    st.binary(max_size=60),
    st.tuples(
        st.lists(HEADS, min_size=1, max_size=3),
        st.lists(st.tuples(NAMES, st.lists(TEXTS, min_size=1, max_size=3)), max_size=12),
    ).map(lambda parts: _text(*parts)),
)


def _text(heads: list[str], rows: list[tuple[str, list[str]]]) -> str:
    lines = [["image", *heads], *([name, *texts] for name, texts in rows)]
    return "\n".join(",".join(line) for line in lines)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Experiment]:
    """Experiments on the same labels, by task."""
    labels = write_labels(tmp_path_factory.mktemp("labels") / "nih")
    return {task: experiment(labels, task=task) for task in ("m1", "m2", "m4", "findings14")}


@settings(max_examples=25)
@given(
    content=HOSTILE,
    task=st.sampled_from(["m1", "m2", "m4", "findings14"]),
    combine=st.sampled_from([None, "noisy_or", "max"]),
)
def test_a_hostile_file_is_refused_in_one_line_or_imported_whole(
    plans: dict[str, Experiment], content: str | bytes, task: str, combine: Combine | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "p.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        try:
            found = import_file(here / "p.csv", plans[task], here / "out", combine=combine)
        except InputError as error:
            refusal = str(error)
        else:
            assert_whole(found)
            return
        assert refusal.isprintable()
        assert not (here / "out").exists()


@settings(max_examples=25)
@given(
    rows=st.dictionaries(
        st.sampled_from([*TRAINING, *TEST]), st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0]))
    ),
    tested=st.sampled_from(TEST[1:4]),
    task=st.sampled_from(["m1", "m2"]),
)
def test_a_sound_file_is_imported_whole(
    plans: dict[str, Experiment], rows: dict[str, float], tested: str, task: str
) -> None:
    rows = {tested: 0.5} | rows
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        path = write_csv(
            here / "p.csv", {"image": list(rows), "probability": list(map(repr, rows.values()))}
        )
        found = import_file(path, plans[task], here / "out")
        assert sum(found.match.images.values()) + sum(found.match.ignored.values()) == len(rows)
        run = assert_whole(found)
        for one in run.predictions().values():
            assert one.probabilities[:, 1].tolist() == [rows[image] for image in one.images]


def assert_whole(found: Imported) -> Run:
    """The run can be read and scored, and is about as many images as was said."""
    (run,) = Store(found.folder.parent).runs()
    counts = {part: count for part, count in found.match.images.items() if count}
    assert {part: len(one.images) for part, one in run.predictions().items()} == counts
    leading = next(
        iter(
            score_predictions(run.predictions(), run.outputs, Resampling(count=20)).figures.values()
        )
    ).value
    assert np.allclose(leading, found.auc, rtol=0, atol=1e-12, equal_nan=True)
    return run


@pytest.mark.parametrize(
    ("every", "images"), [(20, 791), pytest.param(1, 25_596, marks=pytest.mark.slow)]
)
def test_the_official_test_list_by_the_label_file_alone(
    tmp_path: Path, every: int, images: int
) -> None:
    labels = part_of_nih(tmp_path / "nih", every=every)
    rows = nih.read_labels(labels).rows
    tested = rows[rows["given_split"] == "test"]
    generator = np.random.default_rng(0)
    p = (generator.random((len(tested), len(NIH_FINDINGS))) ** 8).round(6)
    # Not all noise: the frequent findings are known a little.
    p[:, 3] += 0.3 * np.array(["Infiltration" in found for found in tested["findings"]])
    p = p.clip(0, 1)
    columns = {f"prob_{name}": p[:, column] for column, name in enumerate(NIH_FINDINGS)}
    path = write_csv(tmp_path / "p.csv", {"Image Index": tested["image"], **columns})
    plan = experiment(labels, **{"data.validation_fraction": 0.07})
    found = import_file(path, plan, tmp_path / "out", combine="noisy_or")
    assert found.match.images == {"validation": 0, "test": images}
    table = pd.read_csv(labels / "Data_Entry_2017_v2020.csv", index_col="Image Index")
    abnormal = table.loc[tested["image"], "Finding Labels"] != "No Finding"
    noisy_or = 1 - np.exp(np.log1p(-p.clip(0, 1 - 1e-16)).sum(axis=1))
    assert found.auc > 0.52
    assert math.isclose(found.auc, roc_auc_score(abnormal, noisy_or), abs_tol=1e-9)
    (run,) = Store(tmp_path / "out").runs()
    judged = run.predictions()["test"]
    by_image = pd.Series(noisy_or, index=tested["image"].tolist())
    np.testing.assert_allclose(
        judged.probabilities[:, 1], by_image[judged.images.tolist()], atol=1e-12
    )
