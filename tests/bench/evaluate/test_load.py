"""Filters hide rows and change no figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.load import Filters, check_reference, load_results
from bench.evaluate.results import Reference, Table
from bench.evaluate.scorer import Scorer
from tests.bench.evaluate.stored_runs import StoredRuns
from tests.bench.records import EXPERIMENT
from tests.bench.report.runs import CHANCE, Runs

IMAGES, VALIDATION = 300, 100
TRUTH = np.arange(IMAGES) % 2
NET = Reference(model="net", loss="ce")


@pytest.fixture
def stored(tmp_path: Path) -> StoredRuns:
    runs = StoredRuns(
        tmp_path, findings=[("Mass",) if sick else () for sick in TRUTH], validation=VALIDATION
    )
    rng = np.random.default_rng(0)
    for k, model in enumerate(("net", "wide", "deep", "flat")):
        scores = TRUTH * (0.8 + 0.3 * k) + rng.normal(size=IMAGES)
        runs.add(model, 1 / (1 + np.exp(-scores)))
    runs.add("prior", np.full(IMAGES, 0.5), kind="control")
    return runs


def table(stored: StoredRuns, filters: Filters) -> Table:
    scorer = Scorer(Resampling(count=200))
    return load_results(stored.store, scorer=scorer, filters=filters, reference=NET).tables[0]


def test_hidden_rows_are_compared_all_the_same(stored: StoredRuns) -> None:
    whole = table(stored, Filters())
    some = table(stored, Filters(models=("d*",)))
    assert {row.model for row in some.rows} == {"deep", "net", "prior"}
    assert (some.hidden, whole.hidden) == (2, 0)
    by_model = {row.model: row for row in whole.rows}
    for row in some.rows:
        assert row.comparison == by_model[row.model].comparison
    assert some.reference is not None
    assert some.reference.model == "net"


def test_settings_hide_rows_too(stored: StoredRuns) -> None:
    none = table(stored, Filters(where={"model.in_channels": 1}))
    assert none.hidden == 0
    with pytest.raises(InputError, match=r"values of model\.in_channels 1$"):
        table(stored, Filters(where={"model.in_channels": 3}))
    with pytest.raises(InputError, match=r"; model\.inchannels is no setting of any run \(did"):
        table(stored, Filters(where={"model.inchannels": 1}))


@pytest.mark.parametrize(
    "filters",
    [Filters(tasks=("m2",)), Filters(splits=("image",)), Filters(models=("cxnet*",))],
    ids=["task", "split", "model"],
)
def test_filters_that_nothing_passes_name_what_there_is(
    stored: StoredRuns, filters: Filters
) -> None:
    wanted = (
        r"no run passes the filters: there are tasks m1; splits patient; models deep, flat, net, "
        r"wide$"
    )
    with pytest.raises(InputError, match=wanted):
        table(stored, filters)


def test_runs_that_cannot_be_used_are_named_before_the_reference_that_is_not_there(
    runs: Runs,
) -> None:
    names = [runs.add("net", CHANCE, seed=seed) for seed in range(4)]
    for name in names:
        (runs.store.root / name / "data.json").unlink()
    results = load_results(runs.store, reference=NET)
    with pytest.raises(InputError) as refused:
        check_reference(results, "net:ce")
    message = str(refused.value)
    assert message.startswith(f"{', '.join(sorted(names)[:3])} and 1 more ")
    assert "bench doctor" in message
    assert "reference 'net:ce'" in message


def test_the_margin_is_the_given_one_or_the_smallest_of_the_experiments(runs: Runs) -> None:
    folders = [Path(runs.add(model, CHANCE)) for model in ("net", "wide")]

    def margin(given: float | None = None) -> float:
        scorer = Scorer(Resampling(count=20))
        (table,) = load_results(runs.store, scorer=scorer, margin=given, reference=NET).tables
        for row in table.rows:
            assert row.comparison is None or row.comparison.margin == table.margin
        return table.margin

    assert margin() == 0.01
    for stated, of in ((0.03, folders), (0.02, folders[:1]), (0.001, [Path("elsewhere")])):
        runs.store.record_experiment(EXPERIMENT.model_copy(update={"margin": stated}), of)
    assert (margin(), margin(0.05)) == (0.02, 0.05)
