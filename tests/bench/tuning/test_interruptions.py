"""Searches that are killed, stopped or fall silent go on, and every step is charged once."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy
from filelock import FileLock
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from bench.errors import InputError
from bench.runs.records import TuningRecord
from bench.runs.store import Store
from bench.train import checkpoint
from bench.train.history import Validation
from bench.tuning import objective
from bench.tuning import study as study_module
from bench.tuning.objective import Objective, Watch
from bench.tuning.space import Space
from bench.tuning.study import Search, is_dead
from bench.tuning.trials import RETRIES, WORKER, was_interrupted
from tests.bench.tuning.conftest import Tune, facts, iterations

WHOLE = 6  # iterations of a training, validated at 2, 4 and 6
WRITES = (
    (RDBStorage, "create_new_study"),
    (RDBStorage, "set_study_user_attr"),
    (RDBStorage, "_create_new_trial"),
    (RDBStorage, "_set_trial_param"),
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


def kill() -> None:
    raise KilledError


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


@pytest.fixture
def at_validation(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Does something once, at a validation of a trial, before the study knows of it."""

    def set_up(number: int, action: Callable[[], None]) -> None:
        real = Watch.__call__
        done: list[int] = []

        def call(self: Watch, history: Sequence[Validation]) -> None:
            if not done and len(history) == number:
                done.append(number)
                action()
            real(self, history)

        monkeypatch.setattr(Watch, "__call__", call)

    return set_up


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was killed before it named itself is dead at once."""
    monkeypatch.setattr(study_module, "NAMELESS_SECONDS", 0)


def check_whole(tune: Tune, uninterrupted: Tune) -> None:
    trials = tune.trials()
    assert facts(trials) == facts(uninterrupted.trials())
    assert sum(map(iterations, trials)) == 3 * WHOLE
    record, expected = tune.record(), uninterrupted.record()
    assert (record.winner, record.runs) == (expected.winner, expected.runs)
    assert (record.spent.trials, record.spent.iterations) == (3, 3 * WHOLE)
    (study,) = (tune.out / "tuning" / "trials").iterdir()
    assert len(list(study.glob("narrow-ce-s1000-*/run.json"))) == 3
    assert len(list(study.glob("narrow-*/run.json"))) == 3 + 2
    assert reran(record) == reran(expected)
    assert not list(study.glob("*/*.pt"))


def reran(record: TuningRecord) -> list[tuple[dict[str, Any], tuple[float | None, ...]]]:
    """Settings and AUCs of the candidates; a retried trial has another number."""
    assert record.reruns is not None
    return [(each.settings, each.validation_aucs) for each in record.reruns.candidates]


def survives(tune: Tune, write: int) -> bool:
    try:
        with killed_at(write):
            tune("trials=3")
    except (KilledError, UnboundLocalError) as error:
        # Optuna meets the latter where it is killed as it ends a trial.
        assert isinstance(error.__context__ or error, KilledError)  # noqa: PT017
        return False
    return True


def test_killed_again_and_again_it_has_the_same_trials(tune: Tune, uninterrupted: Tune) -> None:
    for write in (6, 20, 33, 44):
        assert not survives(tune, write)
    tune("trials=3")
    check_whole(tune, uninterrupted)
    assert any(map(was_interrupted, tune.trials()))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 120, 12))
def test_killed_at_any_write_it_has_the_same_trials(
    tune: Tune, uninterrupted: Tune, start: int
) -> None:
    """The short form is above."""
    for write in range(start, start + 12):
        here = Tune(tune.out / str(write))
        survives(here, write)
        here("trials=3")
        check_whole(here, uninterrupted)


@pytest.mark.parametrize(
    "cause", [KilledError, pytest.param(KeyboardInterrupt, marks=pytest.mark.slow), OSError]
)
def test_an_interrupted_trial_goes_on_from_its_checkpoint(
    tune: Tune, at_validation: Callable[..., None], cause: type[BaseException]
) -> None:
    def interrupt() -> None:
        raise cause

    at_validation(2, interrupt)
    with pytest.raises(cause):
        tune("trials=1")
    # The checkpoint is a validation ahead of the study.
    assert [iterations(trial) for trial in tune.trials()] == [2]
    trained: list[int] = []
    real = Store.write_history

    def write_history(self: Store, folder: Path, history: Sequence[Validation]) -> None:
        trained.append(history[-1].iteration)
        real(self, folder, history)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "write_history", write_history)
        tune("trials=1")
    assert trained[:2] == [4, 6]  # that of the checkpoint, and the next
    first, second = tune.trials()
    assert (second.params, second.user_attrs[RETRIES]) == (first.params, first.number)
    assert list(second.intermediate_values) == [1, 2, 3]
    assert [iterations(trial) for trial in (first, second)] == [2, 4]
    assert tune.record().spent.iterations == WHOLE


def test_a_damaged_checkpoint_is_trained_anew_and_charged(
    tune: Tune, at_validation: Callable[..., None]
) -> None:
    at_validation(3, kill)
    with pytest.raises(KilledError):
        tune("trials=1")
    (last,) = tune.out.glob("tuning/trials/*/*/last.pt")
    last.write_bytes(b"half a file")
    tune("trials=1")
    assert [iterations(trial) for trial in tune.trials()] == [4, WHOLE]
    assert tune.record().spent.trials == 1


def test_a_storage_that_is_lost_is_named_and_nothing_is_counted(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial does not fail because its database does."""

    def lost(*_: Any) -> None:
        raise StorageInternalError("the connection is gone") from OSError("cable pulled")

    with monkeypatch.context() as patch:
        patch.setattr(RDBStorage, "set_trial_intermediate_value", lost)
        with pytest.raises(InputError, match=r"storage sqlite:.*\(OSError: cable pulled\)"):
            tune("trials=1")
    tune("trials=1")
    spent = tune.record().spent
    assert (spent.finished, spent.failed, spent.iterations) == (1, 0, WHOLE)


def hours_pass(url: str) -> None:
    """Let every worker's last heartbeat be old."""
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        statement = "UPDATE trial_heartbeats SET heartbeat = '2001-01-01 00:00:00'"
        connection.execute(sqlalchemy.text(statement))
    engine.dispose()


@dataclass(frozen=True)
class Machines:
    """Two machines that share a database and no folder."""

    url: str
    first: Tune
    second: Tune

    @property
    def plan(self) -> dict[str, str]:
        return {"storage": self.url}

    def trials(self) -> list[FrozenTrial]:
        return self.first.trials(url=self.url)

    def take_over(self) -> None:
        """The first one is silent for hours, and its trial is trained by the second."""
        hours_pass(self.url)
        self.second("trials=1", plan=self.plan)

    def check_taken_over(self) -> list[FrozenTrial]:
        """Search with the first one, whose first trial is taken over."""
        self.first("trials=2", plan=self.plan)
        trials = self.trials()
        assert [trial.state.name for trial in trials] == ["FAIL", "COMPLETE", "COMPLETE"]
        assert trials[1].params == trials[0].params
        assert self.first.record().spent.trials == 2
        return trials


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    return Machines(url, Tune(tmp_path / "first"), Tune(tmp_path / "second"))


def test_a_silent_machine_s_trial_is_begun_anew_and_all_is_charged(
    machines: Machines, at_validation: Callable[..., None]
) -> None:
    at_validation(3, kill)
    with pytest.raises(KilledError):
        machines.first("trials=2", plan=machines.plan)
    hours_pass(machines.url)
    machines.second("trials=2", plan=machines.plan)
    trials = machines.trials()
    assert [trial.state.name for trial in trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert trials[1].params == trials[0].params != trials[2].params
    assert [iterations(trial) for trial in trials] == [4, WHOLE, WHOLE]
    record = machines.second.record()
    assert (record.spent.trials, record.spent.iterations) == (2, 4 + 2 * WHOLE)
    # The first machine comes back and finds everything done.
    again = machines.first("trials=2", plan=machines.plan).runs
    assert (again.finished, again.already) == (1, 1)  # the winner here, the control before
    assert facts(machines.trials()) == facts(trials)
    assert machines.first.record().spent == record.spent


def test_a_worker_that_was_given_up_leaves_its_trial_to_others(
    machines: Machines, at_validation: Callable[..., None]
) -> None:
    """Its machine slept for hours."""
    at_validation(2, machines.take_over)
    trials = machines.check_taken_over()
    assert [iterations(trial) for trial in trials] == [2, WHOLE, WHOLE]


def test_a_worker_waits_for_the_trials_of_others_before_it_names_a_winner(
    machines: Machines, at_validation: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_validation(2, kill)
    with pytest.raises(KilledError):
        machines.first("trials=1", plan=machines.plan)

    def finish(_: float) -> None:
        with machines.first.studies(machines.url) as studies:
            (study,) = studies.values()
            study.tell(0, 0.99)

    monkeypatch.setattr(study_module, "time", SimpleNamespace(sleep=finish))
    machines.second("trials=1", plan=machines.plan)
    record = machines.second.record()
    assert record.reruns is not None
    (candidate,) = record.reruns.candidates
    assert (candidate.trial, candidate.validation_aucs[0], record.spent.trials) == (0, 0.99, 1)
    assert len(machines.trials()) == 1


def test_a_worker_that_was_given_up_at_its_very_end_leaves_its_trial_to_others(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, done = Objective._report_end, list[int]()

    def report_end(self: Objective, *args: Any, **options: Any) -> None:
        real(self, *args, **options)
        if not done:
            done.append(1)
            machines.take_over()

    monkeypatch.setattr(Objective, "_report_end", report_end)
    machines.check_taken_over()


def test_a_trial_whose_former_worker_still_holds_its_folder_is_tried_again(
    tune: Tune, at_validation: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where its machine slept, and woke up as it was given up."""
    monkeypatch.setattr(objective, "SECONDS_FOR_FORMER_WORKER", 0.1)
    at_validation(2, kill)
    with pytest.raises(KilledError):
        tune("trials=2")
    (last,) = tune.out.glob("tuning/trials/*/*/last.pt")
    trials = Store(last.parents[1])
    real, tries = Store.claim, list[bool]()

    @contextmanager
    def claim(self: Store, folder: Path, *, patience: float = 1.0) -> Iterator[bool]:
        with real(self, folder, patience=patience) as free:
            if folder == last.parent:
                tries.append(free)
            if tries == [False]:
                held.close()
            yield free

    monkeypatch.setattr(Store, "claim", claim)
    with ExitStack() as held:
        held.enter_context(real(trials, last.parent))
        tune("trials=2")
    assert tries[:2] == [False, True]
    ended = tune.trials()
    assert list(map(was_interrupted, ended)) == [True, True, False, False]
    assert [each.params == ended[0].params for each in ended] == [True, True, True, False]
    assert list(map(iterations, ended)) == [2, 0, 4, WHOLE]


def test_a_worker_whose_lock_cannot_be_looked_at_is_not_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs = Store(tmp_path)
    worker = {"at": None, "signs": signs.make_id(), "name": "worker-1"}
    trial = create_trial(state=TrialState.RUNNING, user_attrs={WORKER: worker})
    assert is_dead(trial, signs)

    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(FileLock, "acquire", fails)
    assert not is_dead(trial, signs)


def test_an_error_of_the_objective_ends_the_command(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Optuna ends the trial, which then looks as one that another worker has failed."""

    def draw(*_: object) -> None:
        raise ValueError("no such point")

    monkeypatch.setattr(Space, "draw", draw)
    with pytest.raises(ValueError, match="no such point"):
        tune("trials=1")


def test_a_running_trial_without_a_name_has_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(study_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(study_module, "NAMELESS_SECONDS", 10)
    trial = create_trial(state=TrialState.RUNNING)
    nothing: Any = None
    search = Search(context=nothing, space=nothing, study=nothing, store=nothing, signs=nothing)
    assert not search._stays_nameless(trial)
    now[0] += 9.0
    assert not search._stays_nameless(trial)
    now[0] += 1.0
    assert search._stays_nameless(trial)
    trial.user_attrs[WORKER] = {"name": "worker-1"}
    assert not search._stays_nameless(trial)


def test_a_trial_whose_worker_did_not_name_itself_is_dead_after_a_while(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by this process's clock: that of the machine that began it may be hours ahead."""
    killed = False

    def set_user_attr(self: Trial, key: str, value: Any) -> None:
        nonlocal killed
        if key == WORKER and not killed:
            killed = True
            raise KilledError
        real(self, key, value)

    real = Trial.set_user_attr
    monkeypatch.setattr(Trial, "set_user_attr", set_user_attr)
    with pytest.raises(KilledError):
        tune("trials=1")
    engine = sqlalchemy.create_engine(f"sqlite:///{tune.out / 'tuning' / 'studies.db'}")
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text("UPDATE trials SET datetime_start = '2999-01-01 00:00:00'")
        )
    engine.dispose()
    tune("trials=1")
    assert [trial.state.name for trial in tune.trials()] == ["FAIL", "COMPLETE"]
