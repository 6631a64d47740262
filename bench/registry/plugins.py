"""A user's own models, losses and data sources: from a file, or from an installed package."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from bench.errors import InputError, first_line

ENTRY_POINT_GROUP = "cxnet_bench.plugins"
PLUGIN_PREFIX = "bench_plugin_"
"""Begin of the names of modules that are plugin files."""


def load_plugin(path: Path) -> None:
    """Run a Python file, so that its registrations take effect; a second call does nothing."""
    path = path.expanduser().resolve()
    if not path.is_file():
        raise InputError(f"plugin {str(path)!r} is not there")
    name = f"{PLUGIN_PREFIX}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"plugin {path.name!r} is no Python file (its name ends in .py)")
    module = importlib.util.module_from_spec(spec)
    # Registered before it runs, as the import system does, so that its classes can be pickled.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except InputError as error:
        del sys.modules[name]
        raise InputError(f"plugin {path.name}: {error}") from None
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise InputError(f"plugin {path.name}{_line(error, path)}: {first_line(error)}") from None


def loaded_plugins() -> tuple[str, ...]:
    """The files that were loaded as plugins here, for another process to load too."""
    names = sorted(name for name in sys.modules if name.startswith(PLUGIN_PREFIX))
    return tuple(str(sys.modules[name].__file__) for name in names)


def load_plugins(files: Sequence[str | Path] = ()) -> None:
    """Load the plugins of all installed packages, and some files."""
    load_entry_points()
    for file in files:
        load_plugin(Path(file))


def load_entry_points() -> None:
    """Import every installed package that names itself in the group ``cxnet_bench.plugins``."""
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            point.load()
        except (Exception, SystemExit) as error:
            raise InputError(
                f"installed plugin {point.name!r} ({point.value}): {first_line(error)}"
            ) from None


def _line(error: BaseException, path: Path) -> str:
    """The last line of the plugin itself that the error passed through."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""
