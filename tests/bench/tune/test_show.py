"""What is said and drawn of the studies in a storage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import colors, pyplot
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench.runs.store import Store
from bench.tune.pictures import draw
from bench.tune.show import described, stored_studies
from tests.bench.tune.conftest import Tune

TITLES = ("Optimization History Plot", "Hyperparameter Importances", "Parallel Coordinate Plot")


def test_what_an_interrupted_trial_has_spent_is_told_and_whether_a_worker_is_at_it(
    tune: Tune,
) -> None:
    tune.interrupted("trials=3")
    (trial,) = tune.only()
    folder = trial.user_attrs["worker"]["folder"]
    seconds = trial.user_attrs["progress"]["train_seconds"]
    with stored_studies(Store(tune.out), None) as (one,):
        lines = described(one).splitlines()
        assert lines[1:4] == [
            "    trials: 0 ended (0 finished, 0 pruned, 0 failed)",
            "    not ended: 1 interrupted, to go on when the tuning is started again",
            f"    spent: 6 iterations, {seconds:,.0f} s on the device",
        ]
        with one.store.claim(one.store.root / folder):
            assert "    not ended: 1 being trained" in described(one).splitlines()
    with stored_studies(Store(tune.out.rename(tune.out.parent / "elsewhere")), None) as (one,):
        assert "    not ended: 1 of workers elsewhere" in described(one).splitlines()
    tune.out.parent.joinpath("elsewhere").rename(tune.out)
    tune("trials=3")
    with stored_studies(Store(tune.out), None) as (one,):
        assert "not ended" not in described(one)
        assert "pruned, 0 failed), 1 interrupted and gone on\n" in described(one)


def test_many_settings_are_folded(tune: Tune) -> None:
    tune("trials=1")
    with stored_studies(Store(tune.out), None) as (one,):
        one.trials[0].params |= {f"train.a_long_name_{i}": 0.123 for i in range(30)}
        lines = described(one).splitlines()
    assert max(map(len, lines)) <= 100
    assert sum("a_long_name_" in line for line in lines) > 3


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """What is drawn, by the last part of its file's name."""
    kept: dict[str, Figure] = {}
    save = Figure.savefig

    def keep(figure: Figure, path: Path, **kwargs: object) -> None:
        kept[path.stem.rpartition("-")[2]] = figure
        save(figure, path, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return kept


def test_pictures_say_what_is_not_in_them_and_all_their_lines_are_seen(
    tune: Tune, figures: dict[str, Figure]
) -> None:
    tune("trials=8", models=["moody"], plan={"pruner": "none"})
    with stored_studies(Store(tune.out), None) as (one,):
        finished = sum(trial.state.name == "COMPLETE" for trial in one.trials)
        list(draw([one], tune.out / "pictures"))
    assert 2 <= finished < 8
    titles = {name: figure.get_suptitle().split("\n")[1:] for name, figure in figures.items()}
    absent = f"not in it: 0 pruned and {8 - finished} failed trials"
    few = f"of {finished} finished trials: importance from so few means little"
    assert titles == {"history": [absent], "importance": [absent, few], "parallel": [absent]}
    for figure in figures.values():
        extents = [
            text.get_window_extent()
            for text in figure.findobj(Text)
            if text.get_text() in (figure.get_suptitle(), *TITLES)
        ]
        assert len(extents) == 2
        assert not extents[0].overlaps(extents[1])
    ticks = figures["history"].axes[0].get_xticks()
    assert np.array_equal(ticks, ticks.round())
    (lines,) = figures["parallel"].axes[0].collections
    shades = lines.get_cmap()(np.linspace(0, 1, 50))
    assert np.all(shades[:, :3].min(axis=1) < 0.75)
    assert colors.to_rgb(pyplot.get_cmap("Blues")(0.0)) > (0.9, 0.9, 0.9)  # what Optuna takes


def test_of_ten_trials_nothing_is_missing_and_nothing_said(
    tune: Tune, figures: dict[str, Figure]
) -> None:
    tune("trials=10", plan={"pruner": "none"})
    with stored_studies(Store(tune.out), None) as (one,):
        list(draw([one], tune.out / "pictures"))
    assert {figure.get_suptitle() for figure in figures.values()} == {one.study.study_name}
