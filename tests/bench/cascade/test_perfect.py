"""Perfect stages give perfect answers, on a phantom of all fourteen findings."""

from __future__ import annotations

import numpy as np
import pytest

from bench.cascade import CASCADE_TASKS, Table
from bench.config import DataConfig
from bench.data.load import open_study
from bench.data.splits import make_split
from tests.bench.cascade.stage_runs import StageRuns


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    config = DataConfig(source="phantom", image_size=32, split="patient", options={"images": 4000})
    study = open_study(config)
    rows = study.rows.assign(digest="")
    split = make_split(rows, name="patient", seed=0, validation_fraction=0.2, test_fraction=0.3)
    runs = StageRuns(
        tmp_path_factory.mktemp("perfect"), rows=rows, split=split, findings=study.finding_names
    )
    runs.add_perfect(CASCADE_TASKS)
    (table,) = runs.collected().tables
    return table


def test_the_test_part_has_all_findings_alone_and_together(table: Table) -> None:
    labels = table.truth.labels
    assert labels.shape[1] == 14
    assert labels.any(axis=0).all()
    assert set(np.minimum(labels.sum(axis=1), 2)) == {0, 1, 2}


def test_every_answer_is_right_and_every_ranking_perfect(table: Table) -> None:
    (pair,) = table.pairs
    for row in (pair.cascade, pair.flat):
        assert (row.answers[0].findings == table.truth.labels).all()
        names = ("exact_match", "normal_right", "precision", "recall", "f1", "micro_f1", "auc")
        assert {name: row.figures[name].mean for name in names} == dict.fromkeys(names, 1.0)
        for name in ("precision", "recall", "f1", "auc"):
            assert [figure.mean for figure in row.findings[name]] == [1.0] * 14


def test_no_stage_is_blamed(table: Table) -> None:
    (pair,) = table.pairs
    blame = pair.cascade.answers[0].blame
    assert blame is not None
    assert not blame.any()
    lost = ("lost_m1", "lost_m2", "lost_leaf")
    assert {name: pair.cascade.figures[name].mean for name in lost} == dict.fromkeys(lost, 0.0)


def test_no_patient_is_shared(table: Table) -> None:
    (pair,) = [p for p in table.data.leakage if (p.earlier, p.later) == ("train", "test")]
    assert pair.shared_patients == 0
