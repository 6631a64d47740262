"""The database that holds the studies, and one-line errors where it cannot be used."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from bench.errors import InputError, first_line
from bench.runs.store import Store

HEARTBEAT_SECONDS = 60
"""Seconds between two heartbeats of a worker in its trial."""
STALE_SECONDS = 300
"""A trial without a heartbeat for so long is failed and queued again."""
# Another worker may be writing to the file; it holds it for milliseconds.
SQLITE_PATIENCE_SECONDS = 60
EXAMPLES = "write sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"


def parse_url(text: str | None, store: Store) -> URL:
    """The address of a database.

    Args:
        text: as SQLAlchemy writes it; None is an SQLite file beside the trials.
        store: of the runs.

    Raises:
        InputError: it is no database URL.
    """
    if text is None:
        return URL.create("sqlite", database=str(store.tuning.resolve() / "studies.db"))
    try:
        url = make_url(text)
        url.get_dialect()
    except NoSuchModuleError:
        raise InputError(
            f"storage: no database {url.drivername!r} is known here: {EXAMPLES}"
        ) from None
    except (SQLAlchemyError, ValueError):
        # The text is not repeated: what cannot be parsed may hold a password anywhere.
        raise InputError(f"storage: not a database URL: {EXAMPLES}") from None
    return url


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite database; None for another one, or one in memory."""
    is_file = url.get_backend_name() == "sqlite" and url.database
    return Path(str(url.database)) if is_file else None


def lock_of(url: URL, store: Store) -> Path:
    """Lock file of a database, held while tables or studies are made or records written.

    Beside an SQLite file, so that all who write to it share the lock; otherwise in the store.
    """
    file = sqlite_file(url)
    return Path(f"{file}.lock") if file else store.tuning / "studies.lock"


def shown(url: URL) -> str:
    """A database's address without its password, which can be in the query too."""
    return url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def opened(url: URL, *, lock: Path | None) -> Iterator[RDBStorage]:
    """Connect to a database, and make Optuna's tables where they are not there.

    Args:
        url: of the database.
        lock: :func:`lock_of` it, so that of several processes that start at once one makes the
            tables; None where nothing is to be written.

    Raises:
        InputError: it cannot be reached or used, or is lost later; never with its password.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # A server may have closed a connection while a trial was trained for hours.
    engine: dict[str, object] = {"pool_pre_ping": True}
    if url.get_backend_name() == "sqlite":
        engine["connect_args"] = {"timeout": SQLITE_PATIENCE_SECONDS}
    try:
        with warnings.catch_warnings(), FileLock(lock) if lock else nullcontext():
            warnings.simplefilter("ignore", ExperimentalWarning)  # of heartbeats
            storage = RDBStorage(
                url.render_as_string(hide_password=False),
                engine_kwargs=engine,
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=STALE_SECONDS,
            )
    except (ImportError, RuntimeError, SQLAlchemyError, StorageInternalError) as error:
        # No driver, tables of another version of Optuna, or no connection.
        raise _unusable(url, error) from None
    try:
        yield storage
    except (SQLAlchemyError, StorageInternalError) as error:
        raise _unusable(url, error) from None
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _unusable(url: URL, error: BaseException) -> InputError:
    cause = error
    if isinstance(error, ImportError | StorageInternalError) and error.__cause__:
        cause = error.__cause__
    reason = first_line(cause)
    if url.password:
        reason = reason.replace(str(url.password), "***")
    hint = "check --storage"
    if isinstance(cause, ImportError) and url.get_backend_name() == "postgresql":
        hint = "pip install 'cxnet-bench[postgresql]', and write postgresql+psycopg://…"
    return InputError(
        f"storage {shown(url)} cannot be used ({reason}): {hint}; finished trials are kept"
    )
