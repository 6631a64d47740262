"""Reading an :class:`Experiment` from a name or a file, and ``--set`` changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from yaml.constructor import ConstructorError

import bench
from bench.config.dotted import model_at, path_of, plain
from bench.config.problems import one_line
from bench.config.recipes import switched
from bench.config.schema import Experiment
from bench.errors import InputError
from bench.registry.core import near_matches
from bench.registry.datasets import DATASETS

SUFFIXES = (".yaml", ".yml")


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe loader, but a key given twice is an error: the last would win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConstructorError(
                    None, None, "a key is a list or a mapping", key_node.start_mark
                )
            if key_node.value in seen:
                raise ConstructorError(
                    None, None, f"key {key_node.value!r} is given twice", key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


# YAML 1.1 takes a number without a point, such as 1e-3, for a text.
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)
# No setting is a date: 2024-01-31 is a text, and 2024-13-45 no error of Python's.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _StrictLoader.yaml_implicit_resolvers.items()
}


class _TextLoader(_StrictLoader):
    """As the strict loader, but every scalar is a text: ``[no, 007]`` is two of them."""


_TextLoader.yaml_implicit_resolvers = {}

_NULLS = ("~", "null", "Null", "NULL")  # YAML 1.1's


def _parse(text: str, loader: type[_StrictLoader] = _StrictLoader) -> Any:
    """The content of a YAML text.

    Raises:
        yaml.YAMLError: it is not valid YAML, or too deep.
    """
    try:
        return yaml.load(text, Loader=loader)
    except RecursionError:
        raise ConstructorError(None, None, "brackets or aliases are nested too deep") from None
    except (ValueError, LookupError, AttributeError) as error:  # such as `!!int x`, `!!float`
        raise ConstructorError(None, None, f"a value is not of its tag's type ({error})") from None


def shipped_folder() -> Path:
    """Folder of the shipped experiments: in an installed wheel, or the checkout's ``configs/``.

    A wheel carries them in ``bench/shipped_configs``; a checkout (an editable install, too) has
    them at its top.
    """
    package = Path(bench.__file__).parent
    installed = package / "shipped_configs"
    return installed if installed.is_dir() else package.parent / "configs"


def shipped_names() -> list[str]:
    """Names of the shipped experiments, sorted."""
    return sorted(path.stem for path in shipped_folder().glob("*.yaml"))


def load_experiment(
    name_or_file: str | Path,
    *,
    settings: Iterable[str] = (),
    changes: Mapping[str, Any] | None = None,
) -> Experiment:
    """Read an experiment.

    Args:
        name_or_file: a shipped experiment's name, or a YAML file.
        settings: ``KEY=VALUE`` texts with dotted keys; the value is read as YAML, or taken as it
            is typed where the key takes a text. Applied in order, after the file.
        changes: further dotted keys with ready values, applied last.
    """
    path = _find(str(name_or_file))
    tree = _read(path)
    values = [*_read_settings(settings, tree, changes or {}), *(changes or {}).items()]
    for key, value in values:
        if key == "train.recipe" and isinstance(tree.get("train"), dict):
            tree["train"] = switched(tree["train"], value)
    for key, value in values:
        _put(tree, key, value)
    try:
        experiment = Experiment.model_validate(tree)
    except ValidationError as error:
        raise InputError(f"config {path.name}: {one_line(error, Experiment)}") from None
    except RecursionError:
        raise InputError(f"config {path.name}: a value holds itself by an alias") from None
    for varied in experiment.vary:
        if any(varied == key or varied.startswith(f"{key}.") for key, _ in values):
            raise InputError(
                f"config {path.name} varies {varied}, so that no single value of it holds: "
                f"choose among its levels, such as vary.{varied}=[…]"
            )
    return experiment


def split_setting(setting: str, *, option: str = "--set") -> tuple[str, str]:
    """Split ``KEY=VALUE`` into two texts without blanks around them.

    Args:
        option: of the command line that it was given with, for the message.
    """
    key, equals, text = (part.strip() for part in setting.partition("="))
    if not equals or not key:
        raise InputError(f"{option} {setting!r}: write it as KEY=VALUE, such as train.lr=0.02")
    if not text:
        raise InputError(
            f"{option} {setting!r} has no value: write null for none, and a text of blanks in "
            f"quotes, as in '{key}=\" \"'"
        )
    return key, text


def parse_setting(setting: str, *, option: str = "--set") -> tuple[str, Any]:
    """Split ``KEY=VALUE`` and read the value as YAML (``true``, ``0.02``, ``[a, b]``).

    Args:
        option: of the command line that it was given with, for the message.
    """
    key, text = split_setting(setting, option=option)
    return key, _read_value(text, setting, option=option)


def _read_settings(
    settings: Iterable[str], tree: Mapping[str, Any], changes: Mapping[str, Any]
) -> list[tuple[str, Any]]:
    """Keys and values; where a key takes text, the value is what was typed (``,``, ``007``)."""
    split = [(*split_setting(setting), setting) for setting in settings]
    data = tree.get("data")
    in_file = {"data.source": data.get("source") if isinstance(data, dict) else None}
    source = {**in_file, **{key: text for key, text, _ in split}, **changes}["data.source"]
    values: list[tuple[str, Any]] = []
    for key, text, setting in split:
        kind = _kind_of_text(path_of(key), source=str(source))
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
        is_null = kind == "text or null" and text in _NULLS
        if kind in ("text", "text or null") and not quoted and not is_null:
            values.append((key, text))
        elif kind == "texts":
            texts = _read_value(text, setting, loader=_TextLoader)
            values.append((key, None if texts in _NULLS else texts))
        else:
            values.append((key, _read_value(text, setting)))
    return values


def _read_value(
    text: str, setting: str, *, option: str = "--set", loader: type[_StrictLoader] = _StrictLoader
) -> Any:
    try:
        return _parse(text, loader)
    except yaml.YAMLError:
        raise InputError(f"{option} {setting[:80]!r}: the value is not valid YAML") from None


def _find(name: str) -> Path:
    if name.endswith(SUFFIXES) or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise InputError(f"config file {name!r} is not there")
        return path
    path = shipped_folder() / f"{name}.yaml"
    if not path.is_file():
        hint = near_matches(name, shipped_names())
        raise InputError(f"unknown config {name!r}: {hint} (a file ends in .yaml)")
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        tree = _parse(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        if isinstance(error, ConstructorError):
            raise InputError(f"config {path.name}{where}: {error.problem}") from None
        raise InputError(f"config {path.name} is not valid YAML{where}") from None
    except OSError as error:
        raise InputError(f"config {path.name} cannot be read: {error.strerror}") from None
    if not isinstance(tree, dict):
        raise InputError(f"config {path.name} is empty or no mapping of keys to values")
    return tree


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key in nested mappings, making those that are missing."""
    *path, last = path_of(key, value)
    for part in path:
        branch = tree.setdefault(part, {})
        if branch is None:
            branch = tree[part] = {}
        if not isinstance(branch, dict):
            raise InputError(f"{key}: {part!r} holds a value, not further keys")
        tree = branch
    tree[last] = value


def _kind_of_text(
    key: Sequence[str], *, source: str
) -> Literal["text", "text or null", "texts"] | None:
    """Whether a key takes a text or a path, as it is typed, or a list of texts; None for others.

    Args:
        key: the steps of a dotted key, such as ``("data", "options", "label_column")``.
        source: the experiment's data source, whose options ``data.options`` are.
    """
    model: type[BaseModel] | None = Experiment
    if tuple(key[:2]) == ("data", "options"):
        key, model = key[2:], None
        if source in {entry.name for entry in DATASETS}:
            model = DATASETS.get(source).options_model
    model = model_at(model, key[:-1])
    field = model.model_fields.get(key[-1]) if model is not None and key else None
    annotation = plain(field.annotation) if field else None
    if annotation in (str, Path):
        optional = field is not None and plain(field.annotation) is not field.annotation
        return "text or null" if optional else "text"
    is_list = get_origin(annotation) is tuple and plain(get_args(annotation)[0]) is str
    return "texts" if is_list else None
