"""Plans of tables: their rows, their test part, and what earlier runs tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.config import Experiment, load_experiment
from bench.errors import InputError
from bench.evaluate.planning import Assumptions
from bench.execute.controls import CONTROLS
from bench.planning.tables import TablePlan, describe_tables, plan_tables
from tests.bench.evaluate.stored_runs import StoredRuns


def write_labels(path: Path, labels: tuple[str, str] = ("normal", "Mass")) -> Path:
    """A manifest of 60 patients with an image each; the images are not there."""
    lines = [f"{k}.png,{labels[k % 2]},{k}" for k in range(60)]
    path.write_text("\n".join(["path,label,patient", *lines]) + "\n")
    return path


def demo(**changes: object) -> Experiment:
    """Six networks of three models and two losses, whatever else the demo has."""
    settings = {
        "data.options.images": 400,
        "models": ["cxnet_m1", "resnet18", "cbr_tiny"],
        "losses": ["ce", "sin"],
        "model.both": [],
    }
    return load_experiment("demo", changes=settings | changes)


def planned(experiment: Experiment, out: Path, **assumed: float) -> list[TablePlan]:
    return plan_tables(experiment, out=out, assumed=assumed)


def test_the_rows_of_a_table_are_its_networks_and_controls(tmp_path: Path) -> None:
    experiment = demo(**{"seeds": [0, 1, 2], "data.image_size": 48})
    (table,) = planned(experiment, tmp_path / "none")
    assert (table.task, table.split, table.image_size) == ("m1", "patient", 48)
    assert table.plan.networks == 3 * 2
    assert table.plan.comparisons == 3 * 2 + len(CONTROLS) - 1
    assert (table.plan.seeds, table.plan.margin) == (3, 0.01)
    assert table.plan.assumptions == Assumptions()
    assert table.measured == {}


def test_a_network_from_both_starts_is_two_rows(tmp_path: Path) -> None:
    (table,) = planned(demo(**{"model.both": ["resnet18"]}), tmp_path / "none")
    assert table.plan.networks == 4 * 2


def test_levels_of_other_images_are_other_tables_and_shares_of_training_are_rows(
    tmp_path: Path,
) -> None:
    sizes = planned(demo(**{"vary.data.image_size": [32, 40]}), tmp_path)
    assert [table.image_size for table in sizes] == [32, 40]
    assert sizes[0].plan == sizes[1].plan
    lines = list(describe_tables(sizes))
    assert sum(line.startswith("test part: ") for line in lines) == 1
    (shares,) = planned(demo(**{"vary.data.train_share": [0.5, 1.0]}), tmp_path)
    assert shares.plan.networks == 2 * 3 * 2


def test_earlier_runs_tell_the_auc_and_the_spread_of_seeds(tmp_path: Path) -> None:
    """AUC 1 and 0.75 with two seeds, which vary by 0.25 / sqrt(2); 0.5 and 1 with one."""
    labels = write_labels(tmp_path / "labels.csv")
    runs = StoredRuns(
        tmp_path / "runs",
        findings=[(), ("Mass",), (), (), ("Mass",), ("Mass",)],
        validation=2,
    )
    validation = [0.1, 0.9]
    for model, seed, test in (
        ("net", 0, [0.1, 0.2, 0.3, 0.4]),
        ("net", 1, [0.1, 0.3, 0.2, 0.4]),
        ("other", 0, [0.1, 0.4, 0.2, 0.3]),
        ("once", 0, [0.1, 0.2, 0.3, 0.4]),
    ):
        runs.add(model, np.array([*validation, *test]), seed=seed)
    runs.add("prior", np.full(6, 0.5), kind="control")
    experiment = load_experiment("manifest", changes={"data.root": labels})
    (table,) = planned(experiment, tmp_path / "runs")
    assert table.plan.assumptions.auc == pytest.approx((0.875 + 0.5 + 1.0) / 3)
    assert table.plan.assumptions.seed_deviation == pytest.approx(0.25 / 2**0.5)
    assert table.measured.keys() == {"auc", "seed_deviation"}
    (table,) = planned(experiment, tmp_path / "runs", auc=0.7)
    assert table.plan.assumptions.auc == 0.7
    assert table.measured.keys() == {"seed_deviation"}
    # Another split asks another question of the networks.
    by_image = load_experiment("manifest", changes={"data.root": labels, "data.split": "image"})
    assert planned(by_image, tmp_path / "runs")[0].measured == {}


@pytest.mark.parametrize(
    ("assumed", "message"),
    [
        ({"acu": 0.8}, "assumptions of the plan: unknown key 'acu': did you mean auc"),
        ({"auc": 0.4}, "assumptions of the plan: auc: .* greater than 0.5, not 0.4"),
    ],
)
def test_an_assumption_that_is_none_is_refused(
    tmp_path: Path, assumed: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        planned(demo(), tmp_path, **assumed)


def test_a_class_of_few_patients_is_warned_of(tmp_path: Path) -> None:
    (table,) = planned(demo(task="findings14"), tmp_path)
    rare = min(table.plan.part.classes, key=lambda each: each.rarer_patients)
    (warning,) = [line for line in describe_tables([table]) if line.startswith("warning: ")]
    assert f"{rare.name} ({rare.rarer_patients})" in warning


def test_a_task_that_the_test_part_lacks_is_refused_as_in_a_run(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels.csv", labels=("normal", "normal"))
    experiment = load_experiment("manifest", changes={"data.root": labels})
    with pytest.raises(InputError, match="images, all normal"):
        planned(experiment, tmp_path)
