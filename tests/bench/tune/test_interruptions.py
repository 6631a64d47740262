"""A search that is interrupted at any write goes on to the trials that it would have had."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from bench.errors import InputError
from bench.randomness import generator
from bench.runs.store import Store
from bench.train import checkpoint
from bench.tune import ledger, search, storage
from tests.bench.tune.conftest import Tune, facts

BUDGET = "trials=7"
LONGER: dict[str, Any] = {"train__max_iterations": 8}
WRITES = (
    (RDBStorage, "create_new_study"),
    (RDBStorage, "set_study_user_attr"),
    (RDBStorage, "_create_new_trial"),
    (RDBStorage, "_set_trial_param"),
    (RDBStorage, "record_heartbeat"),
    (RDBStorage, "set_trial_user_attr"),
    (RDBStorage, "set_trial_intermediate_value"),
    (RDBStorage, "set_trial_state_values"),
    (checkpoint, "save"),
    (Store, "begin"),
    (Store, "write_history"),
    (Store, "end"),
    (Store, "record_tuning"),
    (Store, "record_experiment"),
)


class KilledError(BaseException):
    """The process ends here; nothing catches it."""


@contextmanager
def killed_at(write: int) -> Iterator[None]:
    """End the process before a write, counted from 0."""
    left = write

    def before(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            if left == 0:
                raise KilledError
            left -= 1
            return real(*args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in WRITES:
            patch.setattr(owner, name, before(getattr(owner, name)))
        yield


def survives(tune: Tune, writes: int) -> bool:
    try:
        with killed_at(writes):
            tune(BUDGET, **LONGER)
    except KilledError:
        return False
    return True


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """The trials of a search that nobody disturbed."""
    tune = Tune(tmp_path_factory.mktemp("uninterrupted") / "runs")
    tune(BUDGET, **LONGER)
    return facts(tune.only())


def check_whole(tune: Tune, uninterrupted: list[tuple[Any, ...]]) -> None:
    trials = tune.only()
    assert facts(trials) == uninterrupted
    assert tune.record().spent.trials == 7
    assert len(Store(tune.out).runs()) == 2
    (study,) = (tune.out / "tuning" / "trials").iterdir()
    folders = list(study.glob("narrow-*"))
    assert len(folders) == 7
    assert all((folder / "run.json").is_file() for folder in folders)


@pytest.mark.parametrize("seed", range(2))
def test_killed_again_and_again_it_has_the_same_trials(
    tune: Tune, uninterrupted: list[tuple[Any, ...]], seed: int
) -> None:
    draw = generator(seed, "kills")
    kills = 0
    while not survives(tune, int(draw.integers(1, 90))):
        kills += 1
    assert kills >= 2
    check_whole(tune, uninterrupted)
    assert ledger.interruptions(tune.only()) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 240, 24))
def test_killed_at_every_third_write_it_has_the_same_trials(
    tune: Tune, uninterrupted: list[tuple[Any, ...]], start: int
) -> None:
    for write in range(start, start + 24, 3):
        here = Tune(tune.out / str(write))
        survives(here, write)
        here(BUDGET, **LONGER)
        check_whole(here, uninterrupted)


def test_a_trial_that_goes_on_is_not_trained_from_its_beginning(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    report = search.run_trial

    def watched(trial: Any, **fields: Any) -> Any:
        seen.append(len(list(fields["known"])))
        return report(trial, **fields)

    monkeypatch.setattr(search, "run_trial", watched)
    real = RDBStorage.set_trial_intermediate_value
    with monkeypatch.context() as patch:

        def third(self: RDBStorage, trial_id: int, step: int, value: float) -> None:
            if step == 3:
                raise KilledError
            real(self, trial_id, step, value)

        patch.setattr(RDBStorage, "set_trial_intermediate_value", third)
        with pytest.raises(KilledError):
            tune("trials=2")
    steps: list[int] = []

    def counted(self: RDBStorage, trial_id: int, step: int, value: float) -> None:
        steps.append(step)
        real(self, trial_id, step, value)

    monkeypatch.setattr(RDBStorage, "set_trial_intermediate_value", counted)
    tune("trials=2")
    assert seen == [0, 2, 0]
    assert steps == [3, 1, 2, 3]
    assert tune.only()[0].user_attrs["interrupted"] == 1


def test_a_storage_that_is_lost_is_named_and_nothing_is_counted(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial does not fail because its database does."""
    real = RDBStorage.set_trial_intermediate_value

    def lost(self: RDBStorage, trial_id: int, step: int, value: float) -> None:
        if step == 2:
            raise StorageInternalError("the connection is gone") from OSError("cable pulled")
        real(self, trial_id, step, value)

    with monkeypatch.context() as patch:
        patch.setattr(RDBStorage, "set_trial_intermediate_value", lost)
        with pytest.raises(InputError, match=r"storage sqlite:.*\(OSError: cable pulled\)"):
            tune("trials=2")
    (trial,) = tune.only()
    assert trial.state == TrialState.RUNNING
    tune("trials=2")
    assert [one.state for one in tune.only()] == [TrialState.COMPLETE] * 2
    assert tune.record().spent.failed == 0


def test_a_silent_machine_s_trial_is_begun_anew_and_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines share a database and no folder."""
    monkeypatch.setattr(storage, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(storage, "STALE_SECONDS", 1)
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    first, second = Tune(tmp_path / "first"), Tune(tmp_path / "second")
    with pytest.raises(KilledError), killed_at(46):
        first("trials=4", plan={"storage": url})
    (before,) = first.trials(url).values()
    (dead,) = (trial for trial in before if trial.state == TrialState.RUNNING)

    second("trials=4", plan={"storage": url})
    (trials,) = second.trials(url).values()
    assert not [trial for trial in trials if not trial.state.is_finished()]
    assert trials[dead.number].state == TrialState.FAIL
    (successor,) = (trial for trial in trials if "continues" in trial.user_attrs)
    assert successor.user_attrs["continues"] == dead.number
    assert successor.params == dead.params
    numbers = ledger.counted(trials)
    assert (len(numbers), dead.number in numbers) == (4, False)
    assert len({tuple(trials[number].params.values()) for number in numbers}) == 4
    assert (second.record().spent.trials, ledger.interruptions(trials)) == (4, 1)

    # The first machine comes back and finds everything done.
    again = first("trials=4", plan={"storage": url}).runs
    assert (again.finished, again.already) == (1, 1)  # the winner here, the control before
    (after,) = first.trials(url).values()
    assert facts_of(after) == facts_of(trials)


def facts_of(trials: list[FrozenTrial]) -> list[Any]:
    return [(trial.number, trial.state, trial.params, trial.value) for trial in trials]


def test_the_last_place_goes_to_the_lower_number(tune: Tune) -> None:
    """Two workers without a common lock that both saw room begin two trials."""
    tune("trials=3")
    trials = tune.only()
    budget = search.Budget(unit="trials", amount=2.0)
    assert not ledger.is_surplus(trials, 1, budget)
    assert ledger.is_surplus(trials, 2, budget)
