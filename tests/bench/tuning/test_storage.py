"""Studies are kept in SQLite or on a real PostgreSQL server; other storages are refused."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import optuna
import pytest
from sqlalchemy.engine import make_url

from bench.errors import InputError
from bench.execute.executors import Executor
from bench.runs.store import Store
from bench.tuning.show import stored_studies
from bench.tuning.storage import check_shared, file_of, opened, parse_url


def refused(url: str, out: Path) -> str:
    """The line with which a storage is refused; no password is in it."""
    with pytest.raises(InputError) as error, opened(parse_url(url, Store(out)), lock=None):
        pass
    message = str(error.value)
    assert message.startswith("storage")
    assert "hush" not in message
    assert "\n" not in message
    return message


def test_a_wrong_password_is_refused_and_not_shown(tmp_path: Path, postgres: str) -> None:
    head, _, tail = postgres.partition("@")
    message = refused(f"{head.rpartition(':')[0]}:hush%40hush@{tail}", tmp_path)
    assert "password authentication failed" in message


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql+psycopg://me:hush@127.0.0.1:1/db", "Connection refused"),
        ("postgresql+psycopg://me@127.0.0.1:1/db?password=hush", "Connection refused"),
        ("mysql+pymysql://me:hush@127.0.0.1/db", "No module named 'pymysql'"),
        ("nothing://me:hush@127.0.0.1/db", "no database 'nothing' is known here"),
        ("hush", "not a database URL"),
        ("", "not a database URL"),
        ("postgresql://me:hush@127.0.0.1:port/db", "not a database URL"),
        ("sqlite:////nowhere/at/all/studies.db", "unable to open database file"),
        ("/nowhere/at/all/studies.journal", "No such file or directory"),
        ("journal://", "a journal is a file"),
    ],
)
def test_a_storage_that_cannot_be_had_is_one_line_without_its_password(
    tmp_path: Path, url: str, reason: str
) -> None:
    assert reason in refused(url, tmp_path)


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "studies.db").write_text("my diary\n" * 1000)
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    assert "file is not a database" in refused(url, tmp_path)


def test_a_damaged_journal_is_one_line(tmp_path: Path) -> None:
    journal = tmp_path / "studies.journal"
    journal.write_text("my diary\n" * 3)
    assert "Expecting value" in refused(str(journal), tmp_path)


def test_half_a_line_of_a_journal_is_cut_off(tmp_path: Path) -> None:
    """A power cut or a full disk leaves one."""
    journal = tmp_path / "studies.journal"
    for name in ("first", "second"):
        with opened(parse_url(str(journal), Store(tmp_path)), lock=None) as storage:
            optuna.create_study(storage=storage, study_name=name)
        with journal.open("a") as file:
            file.write('{"op_code": 4, "wor')
    with opened(parse_url(str(journal), Store(tmp_path)), lock=None) as storage:
        assert sorted(optuna.get_all_study_names(storage)) == ["first", "second"]


RAY, SLURM = Executor(name="ray", address="auto"), Executor(name="slurm")
PROCESSES, HERE = Executor(name="processes"), Executor(name="slurm", address="local")


@pytest.mark.parametrize(
    ("url", "executor", "reason"),
    [
        (None, RAY, "give --storage FILE.journal in a folder that they share"),
        ("sqlite:///studies.db", SLURM, "cannot share an SQLite file (--executor slurm)"),
        ("sqlite://", PROCESSES, "cannot share a database in memory"),
        ("sqlite:///:memory:", PROCESSES, "cannot share a database in memory"),
        (None, PROCESSES, ""),
        (None, HERE, ""),
        (None, Executor(name="ray"), ""),
        ("sqlite://", Executor(), ""),
        ("studies.journal", RAY, ""),
        ("postgresql+psycopg://me@host/db", SLURM, ""),
    ],
)
def test_workers_on_other_machines_need_a_storage_that_they_share(
    tmp_path: Path, url: str | None, executor: Executor, reason: str
) -> None:
    address = parse_url(url, Store(tmp_path))
    if not reason:
        check_shared(address, executor)
        return
    with pytest.raises(InputError) as error:
        check_shared(address, executor)
    assert reason in str(error.value)


@pytest.mark.parametrize("text", ["studies.journal", "journal:///studies.journal"])
def test_a_file_s_address_is_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Workers need not have this folder as theirs."""
    monkeypatch.chdir(tmp_path)
    assert file_of(parse_url(text, Store(tmp_path))) == tmp_path / "studies.journal"


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_the_extra_with_a_missing_driver_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    message = refused(f"postgresql+{driver}://me:hush@127.0.0.1/db", tmp_path)
    assert "pip install 'cxnet-bench[postgresql]'" in message


@pytest.mark.parametrize("error", [ImportError, RuntimeError])
def test_what_a_plugin_raises_is_not_blamed_on_the_storage(
    tmp_path: Path, error: type[Exception]
) -> None:
    url = parse_url(None, Store(tmp_path))
    (tmp_path / "tuning").mkdir()
    with pytest.raises(error, match="a table schema of mine"), opened(url, lock=None):
        raise error("a table schema of mine")


@pytest.mark.parametrize("named", [False, True])
def test_looking_for_studies_makes_no_file(tmp_path: Path, named: bool) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}" if named else None
    with pytest.raises(InputError, match="no tuning in"), stored_studies(Store(tmp_path), url):
        pass
    assert list(tmp_path.iterdir()) == []


def test_studies_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with opened(parse_url(url, Store(tmp_path)), lock=None) as storage:
        optuna.create_study(storage=storage, study_name="somebody else's")
    with (
        pytest.raises(InputError, match=f"no tuning in storage {url}: run `bench tune`"),
        stored_studies(Store(tmp_path), url),
    ):
        pass


def test_machines_without_a_folder_in_common_may_make_the_tables_at_once(postgres: str) -> None:
    """Without a lock two of four collide, by chance: at each of three tries."""
    barrier = Barrier(4)

    def studies(_: int) -> list[str]:
        barrier.wait()
        with opened(make_url(postgres), lock=None) as storage:
            return optuna.get_all_study_names(storage)

    with ThreadPoolExecutor(4) as machines:
        assert list(machines.map(studies, range(4))) == [[]] * 4
