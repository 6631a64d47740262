"""Workers that say nothing for too long: asleep, slow, or dead on a machine with another clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from bench.runs.store import Store
from bench.train import Validation
from bench.tune import ledger, search
from bench.tune.storage import default_url
from bench.tune.trial import Watch
from tests.bench.tune.conftest import Tune
from tests.bench.tune.test_interruptions import KilledError, killed_at

WHOLE = 6  # iterations of a training, validated at 2, 4 and 6
NO_PRUNING = {"pruner": "none"}


class WaitedError(Exception):
    """A worker had nothing to take and would wait for others."""


def wait(_: float) -> None:
    raise WaitedError


# The search's alone: locks wait too.
NO_WAITING = SimpleNamespace(sleep=wait, monotonic=time.monotonic)


def write(url: str, statement: str) -> None:
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(statement))
    engine.dispose()


def hours_pass(url: str) -> None:
    write(url, "UPDATE trial_heartbeats SET heartbeat = '2001-01-01 00:00:00'")


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Lets a worker sleep at a validation of its first trial, while something else happens."""

    @contextmanager
    def once(storage: RDBStorage, trial_id: int) -> Iterator[None]:
        storage.record_heartbeat(trial_id)
        yield  # a machine that sleeps says no more

    monkeypatch.setattr(search, "heartbeat", once)

    def sleep_at(validation: int, meanwhile: Callable[[], None]) -> None:
        slept = False

        def call(self: Watch, history: Sequence[Validation]) -> None:
            nonlocal slept
            if not slept and len(history) == validation:
                slept = True
                meanwhile()
            real(self, history)

        real = Watch.__call__
        monkeypatch.setattr(Watch, "__call__", call)

    return sleep_at


def test_a_sleeper_whose_lock_another_worker_sees_is_not_given_up(
    tune: Tune, asleep: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = default_url(Store(tune.out))

    def meanwhile() -> None:
        hours_pass(url)
        with monkeypatch.context() as patch:
            patch.setattr(search, "time", NO_WAITING)
            with pytest.raises(WaitedError):
                tune("trials=4", plan=NO_PRUNING)

    asleep(2, meanwhile)
    tune("trials=4", plan=NO_PRUNING)
    trials = tune.only()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
    assert ledger.interruptions(trials) == 0
    assert tune.record().spent.iterations == 4 * WHOLE


def test_a_sleeper_that_was_given_up_goes_on_under_another_number(
    tune: Tune, asleep: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that sees no locks ended its trial, and others wait until it has woken."""
    url = default_url(Store(tune.out))
    trained: list[int] = []
    real = Store.write_history

    def write_history(self: Store, folder: Path, history: list[dict[str, Any]]) -> None:
        trained.append(int(history[-1]["iteration"]))
        real(self, folder, history)

    monkeypatch.setattr(Store, "write_history", write_history)

    def meanwhile() -> None:
        write(url, "UPDATE trials SET state = 'FAIL' WHERE number = 0")
        with monkeypatch.context() as patch:
            patch.setattr(search, "time", NO_WAITING)
            for _ in range(3):
                with pytest.raises(WaitedError):
                    tune("trials=2", plan=NO_PRUNING)
        assert len(tune.only()) == 1

    asleep(2, meanwhile)
    tune("trials=2", plan=NO_PRUNING)
    trials = tune.only()
    states = [trial.state.name for trial in trials]
    assert states == ["FAIL", "COMPLETE", "COMPLETE"]
    assert trials[1].params == trials[0].params
    assert (trials[1].user_attrs["continues"], trials[1].user_attrs["resumes"]) == (0, 0)
    assert trials[1].intermediate_values.keys() == {1, 2, 3}
    spent = tune.record().spent
    assert (spent.trials, spent.finished, spent.failed, spent.iterations) == (2, 2, 0, 2 * WHOLE)
    # Of trial 0 up to its last validation, the rest under its new number; and the winner's.
    assert trained == [2, 4, 6, 2, 4, 6, 2, 4, 6]
    assert ledger.interruptions(trials) == 1


@pytest.mark.parametrize(("budget", "count"), [("trials=3", 3), ("iterations=18", 3)])
def test_what_a_sleeper_has_cost_is_charged_where_another_machine_begins_anew(
    tmp_path: Path,
    asleep: Callable[..., None],
    budget: str,
    count: int,
) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    first, second = Tune(tmp_path / "first"), Tune(tmp_path / "second")
    plan = NO_PRUNING | {"storage": url}

    def meanwhile() -> None:
        hours_pass(url)
        second(budget, plan=plan)

    asleep(3, meanwhile)
    first(budget, plan=plan)
    (trials,) = first.trials(url).values()
    assert (trials[0].state, trials[1].params) == (TrialState.FAIL, trials[0].params)
    assert not [trial for trial in trials if not trial.state.is_finished()]
    assert "resumes" not in trials[1].user_attrs
    # The sleeper had told of two of its validations.
    lost = 4
    spent = ledger.spent(trials)
    if budget.startswith("trials"):
        assert (spent.trials, spent.iterations) == (count, lost + count * WHOLE)
    else:
        assert spent.iterations == 18
        assert [ledger.counted(trials)[n].iterations for n in (1, 2, 3)] == [6, 6, 2]
    seconds = [one.train_seconds for one in ledger.counted(trials).values()]
    before = trials[0].user_attrs["progress"]["train_seconds"]
    assert spent.train_seconds == pytest.approx(sum(seconds) + before)
    assert spent == first.record().spent == second.record().spent
    assert ledger.interruptions(trials) == 1


def begun_anew_with_a_kill(tmp_path: Path, *, write: int) -> None:
    """A machine dies in its first trial; a second one as it takes it over; a third one ends all."""
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    first, second, third = (Tune(tmp_path / name) for name in ("first", "second", "third"))
    plan = NO_PRUNING | {"storage": url}
    with pytest.raises(KilledError), killed_at(22):
        first("trials=2", plan=plan)
    (dead,) = (trial for trials in first.trials(url).values() for trial in trials)
    lost = dead.user_attrs["progress"]["iterations"]
    hours_pass(url)
    with pytest.raises(KilledError), killed_at(write):
        second("trials=2", plan=plan)
    hours_pass(url)
    third("trials=2", plan=plan)
    (trials,) = third.trials(url).values()
    assert not [trial for trial in trials if not trial.state.is_finished()]
    counted = ledger.counted(trials)
    params = [tuple(trials[number].params.values()) for number in counted]
    assert (len(params), len(set(params))) == (2, 2)
    assert tuple(dead.params.values()) in params
    second_s = [
        trial.user_attrs["progress"]["iterations"]
        for trial in trials
        if trial.number not in counted and trial.number and "progress" in trial.user_attrs
    ]
    assert third.record().spent.iterations == lost + sum(second_s) + 2 * WHOLE


@pytest.mark.parametrize("write", [5, 12])
def test_a_machine_that_dies_as_it_takes_over_loses_nothing(tmp_path: Path, write: int) -> None:
    begun_anew_with_a_kill(tmp_path, write=write)


@pytest.mark.slow
@pytest.mark.parametrize("write", range(24))
def test_a_machine_that_dies_at_any_write_loses_nothing(tmp_path: Path, write: int) -> None:
    begun_anew_with_a_kill(tmp_path, write=write)


def test_a_trial_that_is_failed_in_its_very_last_moment_is_not_lost(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its worker's word of how it ended and its end."""
    url = default_url(Store(tune.out))
    real = RDBStorage.set_trial_user_attr

    def then_failed(self: RDBStorage, trial_id: int, key: str, value: Any) -> None:
        real(self, trial_id, key, value)
        if key == "outcome" and trial_id == 1:
            write(url, "UPDATE trials SET state = 'FAIL' WHERE trial_id = 1")

    monkeypatch.setattr(RDBStorage, "set_trial_user_attr", then_failed)
    tune("trials=2", plan=NO_PRUNING)
    trials = tune.only()
    assert [trial.state.name for trial in trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert trials[1].params == trials[0].params
    spent = tune.record().spent
    assert (spent.trials, spent.finished, spent.iterations) == (2, 2, 2 * WHOLE)


def test_what_a_worker_told_before_its_lock_was_free_is_not_told_again(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Optuna warns of a second report, and a warning fails this test."""
    real_report, real_claim = RDBStorage.set_trial_intermediate_value, Store.claim
    said: dict[int, float] = {}

    def killed(_: RDBStorage, __: int, step: int, value: float) -> None:
        said[step] = value
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(RDBStorage, "set_trial_intermediate_value", killed)
        with pytest.raises(KilledError):
            tune("trials=1")

    @contextmanager
    def claim(self: Store, folder: Path) -> Iterator[bool]:
        with real_claim(self, folder) as free:
            if said and "trials" in self.root.parts:
                step, value = said.popitem()
                write(
                    default_url(Store(tune.out)),
                    "INSERT INTO trial_intermediate_values "
                    "(trial_id, step, intermediate_value, intermediate_value_type) "
                    f"VALUES (1, {step}, {value}, 'FINITE')",
                )
            yield free

    monkeypatch.setattr(RDBStorage, "set_trial_intermediate_value", real_report)
    monkeypatch.setattr(Store, "claim", claim)
    tune("trials=1")
    (trial,) = tune.only()
    assert (trial.state, len(trial.intermediate_values)) == (TrialState.COMPLETE, 3)


def test_a_fresh_trial_is_not_taken_by_a_machine_hours_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: str
) -> None:
    tune = Tune(tmp_path / "runs")
    server = sqlalchemy.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sqlalchemy.text("CREATE DATABASE clocks"))
    server.dispose()
    url = f"{postgres.rpartition('/')[0]}/clocks"
    plan = NO_PRUNING | {"storage": url}

    def killed(*_: Any, **__: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(search, "suggest", killed)
        with pytest.raises(KilledError):
            tune("trials=2", plan=plan)
    write(url, "UPDATE trials SET datetime_start = '2001-01-01'")

    with monkeypatch.context() as patch:
        patch.setattr(search, "time", NO_WAITING)
        with pytest.raises(WaitedError):
            tune("trials=2", plan=plan)
    ((fresh, other),) = tune.trials(url).values()
    assert (fresh.state, fresh.params) == (TrialState.RUNNING, {})
    assert other.state == TrialState.COMPLETE

    # Looked at for long enough, it has no worker; what it would have tried is not lost.
    monkeypatch.setattr(search, "ORPHAN_SECONDS", 0)
    tune("trials=2", plan=plan)
    (trials,) = tune.trials(url).values()
    assert [trial.state.name for trial in trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert trials[2].params == trials[0].params
    assert trials[2].params["train.patience"] == tune.experiment().train.patience
    spent = tune.record().spent
    assert (spent.trials, spent.finished, spent.iterations) == (2, 2, 2 * WHOLE)
