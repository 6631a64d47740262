"""External validation of made-up networks, against computations of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import stdtrit
from sklearn.metrics import roc_auc_score

from bench.evaluate.bootstrap import Resampling
from bench.evaluate.collect import collect
from bench.evaluate.external import drop_of, external_tables
from bench.evaluate.load import load_results
from bench.evaluate.score import auc_of
from bench.evaluate.scorer import Scorer
from bench.report import FORMATS
from bench.runs.predictions import Outputs, Predictions
from bench.runs.store import Store
from tests.bench.evaluate.external_runs import add_external, made

TWO = Outputs(kind="multiclass", classes=("normal", "abnormal"))
RNG = np.random.default_rng(7)


def scores(targets: NDArray[np.int64], shift: float, seed: int) -> NDArray[np.float64]:
    """Probabilities that are right the more often the larger the shift is."""
    noise = np.random.default_rng(seed).normal(size=len(targets))
    p: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(noise + shift * (targets - 0.5))))
    return p


def network(seed: int, *, shift: float = 1.0) -> dict[str, Predictions]:
    """A network that is good at home and worse elsewhere."""
    validation, home, other = np.arange(40) % 2, np.arange(120) % 2, np.arange(90) % 3 // 2
    return {
        "validation": made("v", validation, scores(validation, 2.5, seed)),
        "home": made("h", home, scores(home, 2.5, seed + 100)),
        "test": made("o", other, scores(other, shift, seed + 200)),
    }


def sides(networks: list[dict[str, Predictions]]) -> tuple[list[float], list[float]]:
    """AUC at home and elsewhere of each network, by scikit-learn."""
    at_home, there = (
        [float(roc_auc_score(n[part].targets, n[part].probabilities[:, 1])) for n in networks]
        for part in ("home", "test")
    )
    return at_home, there


def wins_of(predictions: Predictions) -> NDArray[np.float64]:
    """The images that are positive (rows) against those that are not: 1, or ½ for a tie."""
    p, positive = predictions.probabilities[:, 1], predictions.targets == 1
    return (p[positive][:, None] > p[~positive]) + 0.5 * (p[positive][:, None] == p[~positive])


def resampled_aucs(predictions: Predictions) -> NDArray[np.float64]:
    """AUCs of 2,000 resamples of images."""
    positive, count = predictions.targets == 1, len(predictions.targets)
    times = RNG.multinomial(count, [1 / count] * count, size=2000)
    a, b = times[:, positive], times[:, ~positive]
    return ((a @ wins_of(predictions)) * b).sum(axis=1) / (a.sum(axis=1) * b.sum(axis=1))


def of_patients(predictions: Predictions) -> float:
    """DeLong's variance of an AUC, each patient with one image, from all pairs of images."""
    wins = wins_of(predictions)
    by_positive, by_negative = wins.mean(axis=1), wins.mean(axis=0)
    return float(
        by_positive.var(ddof=1) / len(by_positive) + by_negative.var(ddof=1) / len(by_negative)
    )


def test_the_drop_of_one_network_has_the_variance_of_both_patients() -> None:
    one = network(0)
    (at_home,), (there,) = sides([one])
    drop = drop_of([auc_of(one["home"], TWO)], [auc_of(one["test"], TWO)])
    assert drop.value == pytest.approx(at_home - there)
    variance = of_patients(one["home"]) + of_patients(one["test"])
    assert drop.standard_error == pytest.approx(np.sqrt(variance), rel=0.02)
    found = drop.interval()
    # The same from resamples of the patients of each set by itself.
    draws = resampled_aucs(one["home"]) - resampled_aucs(one["test"])
    low, high = np.quantile(draws, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02)


def test_seeds_add_the_variance_of_their_own_drops() -> None:
    networks = [network(seed, shift=shift) for seed, shift in enumerate((0.0, 1.2, 2.4))]
    at_home, there = sides(networks)
    drops = np.array(at_home) - np.array(there)
    homes, others = ([auc_of(n[part], TWO) for n in networks] for part in ("home", "test"))
    drop = drop_of(homes, others)
    assert drop.value == pytest.approx(drops.mean())
    assert drop.seeds_observed == pytest.approx(drops.var(ddof=1) / 3)
    assert (drop.seeds_df, 0.0 < drop.seeds < drop.seeds_observed) == (2, True)
    found = drop.interval()
    half = float(stdtrit(drop.total_df, 0.975)) * drop.standard_error
    assert (found.low, found.high) == pytest.approx(
        (drops.mean() - half, min(1.0, drops.mean() + half))
    )
    # With two degrees of freedom of the seeds it is wider than of these networks alone.
    alone = [drop_of([a], [b]).interval() for a, b in zip(homes, others, strict=True)]
    assert found.high - found.low > np.mean([each.high - each.low for each in alone])


def test_a_table_has_each_row_and_its_ensemble(tmp_path: Path) -> None:
    networks = [network(seed) for seed in range(2)]
    for seed, parts in enumerate(networks):
        add_external(Store(tmp_path), parts, seed=seed)
    runs = Store(tmp_path).external.runs()
    (table,) = external_tables(runs, scorer=Scorer(Resampling(count=50)))
    row, ensemble = table.rows
    at_home, there = sides(networks)
    assert (row.seeds, row.is_ensemble) == ((0, 1), False)
    assert row.home_auc.value == pytest.approx(np.mean(at_home))
    assert row.figures["auc"].value == pytest.approx(np.mean(there))
    assert row.drop.value == pytest.approx(np.mean(at_home) - np.mean(there))
    assert (table.data.name, table.data.images, table.part) == ("manifest (there)", 90, "all")
    assert (row.home.name, row.home.images, row.left_out) == ("nih (here)", 120, 2)
    p = np.mean([each["test"].probabilities[:, 1] for each in networks], axis=0)
    assert (ensemble.seeds, ensemble.is_ensemble) == ((0, 1), True)
    assert ensemble.figures["auc"].value == pytest.approx(
        roc_auc_score(networks[0]["test"].targets, p)
    )
    assert ensemble.figures["auc"].deviation is None


def test_the_threshold_is_that_of_the_validation_part_at_home(tmp_path: Path) -> None:
    ones, zeros = np.ones(10), np.zeros(10)
    targets = np.repeat([0, 1], 10)
    # At home 0.3 divides the classes; elsewhere half of the abnormal images lie below it.
    parts = {
        "validation": made("v", targets, np.concatenate([0.1 * ones, 0.5 * ones])),
        "home": made("h", targets, np.concatenate([0.1 * ones, 0.5 * ones])),
        "test": made("o", targets, np.concatenate([zeros, np.repeat([0.2, 0.6], 5)])),
    }
    run = add_external(Store(tmp_path), parts)
    (table,) = external_tables([run], scorer=Scorer(Resampling(count=50)))
    (row,) = table.rows
    assert row.figures["auc"].value == 1.0
    assert (row.figures["recall"].value, row.figures["specificity"].value) == (0.5, 1.0)


@pytest.mark.usefixtures("nothing_drawn")
def test_every_format_of_a_report_has_it(tmp_path: Path) -> None:
    from tests.bench.report.runs import PERFECT, Runs

    homes = Runs(tmp_path)
    for seed in range(2):
        homes.add("net", PERFECT, seed=seed)
    for seed in range(2):
        add_external(Store(tmp_path), network(seed), seed=seed)
    results = load_results(tmp_path, scorer=Scorer(Resampling(count=50)))
    frame = results.external_rows
    assert frame["kind"].tolist() == ["external", "external ensemble"]
    assert frame["drop"][0] == pytest.approx(frame["home_auc"][0] - frame["auc"][0])
    texts = {name: FORMATS[name](results) for name in FORMATS}
    for name in ("markdown", "html"):
        assert "External validation" in texts[name]
        assert "2 identical images" in texts[name]
        assert "net, ensemble" in texts[name]
    assert "net, ensemble" in texts["latex"]
    assert ",external ensemble,net," in texts["csv"]
    (content,) = json.loads(texts["json"])["external"]
    assert content["rows"][0]["home_auc"]["value"] == frame["home_auc"][0]
    shown = load_results(tmp_path, scorer=Scorer(Resampling(count=50))).tables
    assert len(shown) == len(collect(Store(tmp_path).runs())) == 1  # none of its tables has it


def test_a_damaged_file_is_named_and_in_no_table(tmp_path: Path) -> None:
    from tests.bench.report.runs import PERFECT, Runs

    Runs(tmp_path).add("net", PERFECT)
    run = add_external(Store(tmp_path), network(0))
    (run.folder / "predictions.csv").write_text("gone")
    results = load_results(tmp_path)
    assert results.external == ()
    (unusable,) = results.unusable
    assert unusable.name == f"external/{run.folder.name}"
    assert unusable.reason == "predictions.csv was changed"
