"""Where studies are kept: SQLite, a real PostgreSQL server, and what cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path

import optuna
import pytest

from bench.errors import InputError
from bench.runs.store import Store
from bench.tuning.show import stored_studies
from bench.tuning.storage import default_url, kind, opened, sqlite_file
from tests.bench.tuning.conftest import Tune, facts


def test_postgresql_holds_the_same_search_as_a_file(tmp_path: Path, postgres: str) -> None:
    found = []
    for name, url in (("server", postgres), ("file", None)):
        tune = Tune(tmp_path / name)
        tune("trials=2", plan={"storage": url})
        found.append(facts(tune.trials(url=url)))
        assert tune.record().storage == ("postgresql" if url else "sqlite")
        password = postgres.split(":")[2].split("@")[0]
        written = [path for path in tune.out.rglob("*") if path.is_file()]
        assert not [path for path in written if password.encode() in path.read_bytes()]
    assert found[0] == found[1]
    server = tmp_path / "server"
    assert not (server / "tuning" / "studies.db").exists()
    with stored_studies(Store(server), postgres) as studies:
        assert [len(stored.trials) for stored in studies] == [2]


def test_a_wrong_password_is_refused_and_not_told(postgres: str) -> None:
    head, _, tail = postgres.partition("@")
    wrong = f"{head.rpartition(':')[0]}:hush%40hush@{tail}"
    with pytest.raises(InputError) as refused, opened(wrong, lock=None):
        pass
    told = str(refused.value)
    assert "password authentication failed" in told
    assert "hush" not in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql+psycopg://me:hush@127.0.0.1:1/db", "Connection refused"),
        ("postgresql+psycopg://me@127.0.0.1:1/db?password=hush", "Connection refused"),
        ("mysql+pymysql://me:hush@127.0.0.1/db", "No module named 'pymysql'"),
        ("nothing://me:hush@127.0.0.1/db", "no database 'nothing' is known here"),
        ("hush", "not a database URL"),
        ("", "not a database URL"),
        ("postgresql://me:hush@127.0.0.1:port/db", "not a database URL"),
        ("sqlite:////nowhere/at/all/studies.db", "unable to open database file"),
    ],
)
def test_a_storage_that_cannot_be_had_is_one_line_without_its_password(url: str, said: str) -> None:
    with pytest.raises(InputError) as refused, opened(url, lock=None):
        pass
    told = str(refused.value)
    assert said in told
    assert told.startswith("storage")
    assert "hush" not in told
    assert "\n" not in told


@pytest.mark.parametrize("error", [ImportError, RuntimeError])
def test_what_a_plugin_raises_is_not_blamed_on_the_storage(
    tmp_path: Path, error: type[Exception]
) -> None:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    with pytest.raises(error, match="a table schema of mine"), opened(url, lock=None):
        raise error("a table schema of mine")


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "studies.db").write_text("my diary\n" * 1000)
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    with pytest.raises(InputError, match="file is not a database"), opened(url, lock=None):
        pass


def test_looking_makes_no_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    assert sqlite_file(default_url(store)) == store.tuning / "studies.db"
    assert sqlite_file("postgresql://host/db") is None
    assert kind("postgresql+psycopg://host/db") == "postgresql"
    with pytest.raises(InputError, match="no tuning in"), stored_studies(store, None):
        pass
    assert list(tmp_path.iterdir()) == []


def test_studies_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with opened(url, lock=None) as storage:
        optuna.create_study(storage=storage, study_name="somebody else's")
    with (
        pytest.raises(InputError, match=f"no tuning in storage {url}: run `bench tune` first"),
        stored_studies(Store(tmp_path), url),
    ):
        pass


def test_a_storage_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"
    with pytest.raises(InputError) as refused, stored_studies(Store(tmp_path), url):
        pass
    assert str(refused.value) == f"storage {url}: there is no such file: check --storage"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_missing_driver_of_postgresql_is_told_how_to_install(
    monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    url = f"postgresql+{driver}://me:hush@127.0.0.1/db"
    with pytest.raises(InputError) as refused, opened(url, lock=None):
        pass
    told = str(refused.value)
    assert told.startswith(f"storage postgresql+{driver}://me:***@127.0.0.1/db cannot be used (")
    assert "pip install 'cxnet-bench[postgresql]', and write postgresql+psycopg://" in told
    assert "hush" not in told
