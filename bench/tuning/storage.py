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
from bench.tuning.trials import retry

HEARTBEAT_SECONDS = 60
"""Seconds between two heartbeats of a worker in its trial."""
STALE_SECONDS = 300
"""A trial without a heartbeat for so long is failed and queued again."""
POSTGRESQL_EXTRA = "cxnet-bench[postgresql]"
"""Requirement that installs the driver of PostgreSQL."""
# Another worker may be writing to the file; it holds it for milliseconds.
SQLITE_PATIENCE_SECONDS = 60
EXAMPLES = "write sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"


def default_url(store: Store) -> str:
    """URL of the SQLite file beside the trials."""
    file = str(store.tuning.resolve() / "studies.db")
    return URL.create("sqlite", database=file).render_as_string()


def kind(url: str) -> str:
    """Kind of a database, without its address: ``sqlite`` or ``postgresql``.

    Raises:
        InputError: it is no database URL.
    """
    return _parse(url).get_backend_name()


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for another one, or one in memory.

    Raises:
        InputError: it is no database URL.
    """
    parsed = _parse(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return Path(str(parsed.database)) if is_file else None


def lock_of(url: str, store: Store) -> Path:
    """Lock file of a database, held while tables or studies are made or records written.

    Beside an SQLite file, so that all who write to it share the lock; otherwise in the store.

    Raises:
        InputError: it is no database URL.
    """
    file = sqlite_file(url)
    return Path(f"{file}.lock") if file else store.tuning / "studies.lock"


def shown(url: str) -> str:
    """A storage's address without its password.

    Raises:
        InputError: it is no database URL.
    """
    # A password can be in the query too.
    return _parse(url).set(query={}).render_as_string(hide_password=True)


@contextmanager
def opened(url: str, *, lock: Path | None) -> Iterator[RDBStorage]:
    """Connect to a database, and make Optuna's tables where they are not there.

    Args:
        url: as SQLAlchemy writes it.
        lock: :func:`lock_of` it, so that of several processes that start at once one makes the
            tables; None where nothing is to be written.

    Raises:
        InputError: it cannot be reached or used, or is lost later; never with its password.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sqlite = kind(url) == "sqlite"
    try:
        with warnings.catch_warnings(), FileLock(lock) if lock else nullcontext():
            warnings.simplefilter("ignore", ExperimentalWarning)  # of heartbeats
            storage = RDBStorage(
                url,
                engine_kwargs={
                    **({"connect_args": {"timeout": SQLITE_PATIENCE_SECONDS}} if sqlite else {}),
                    # A server may have closed a connection while a trial was trained for hours.
                    "pool_pre_ping": True,
                },
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=STALE_SECONDS,
                heartbeat_stale_trial_callback=retry,
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


def _unusable(url: str, error: BaseException) -> InputError:
    cause = error
    if isinstance(error, ImportError | StorageInternalError) and error.__cause__:
        cause = error.__cause__
    parsed = _parse(url)
    reason = first_line(cause)
    if parsed.password:
        reason = reason.replace(str(parsed.password), "***")
    hint = "check --storage"
    if isinstance(cause, ImportError) and parsed.get_backend_name() == "postgresql":
        hint = f"pip install {POSTGRESQL_EXTRA!r}, and write postgresql+psycopg://…"
    return InputError(
        f"storage {shown(url)} cannot be used ({reason}): {hint}; finished trials are kept"
    )


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except NoSuchModuleError:
        raise InputError(
            f"storage: no database {parsed.drivername!r} is known here: {EXAMPLES}"
        ) from None
    except (SQLAlchemyError, ValueError):
        # The text is not repeated: what cannot be parsed may hold a password anywhere.
        raise InputError(f"storage: not a database URL: {EXAMPLES}") from None
    return parsed
