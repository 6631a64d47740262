"""Data sources by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench.errors import InputError
from bench.registry.core import Entry, Registry, calling_module

if TYPE_CHECKING:
    from bench.data.study import StudyTable
    from bench.registry.options import SourceOptions

    DatasetFactory = Callable[..., StudyTable]

F = TypeVar("F", bound="DatasetFactory")


@dataclass(frozen=True, kw_only=True)
class DatasetEntry(Entry):
    """A registered data source.

    Attributes:
        target: called with the keywords ``root`` (Path or None), ``image_size`` (pixels) and
            ``options`` (an instance of ``options_model``); returns a study table.
        options_model: the source's own options; None where it has none.
        needs_root: the source reads files, so ``--data`` (``data.root``) must be given.
        read_labels: where the label files tell of images that are not there, or looking for
            them takes long: called with the keywords ``root`` and ``options``, returns a study
            table of every label, without a reader.
    """

    options_model: type[SourceOptions] | None = None
    needs_root: bool = True
    read_labels: DatasetFactory | None = None

    def open(self, *, root: Path | None, image_size: int, options: dict[str, Any]) -> StudyTable:
        """Read the source's labels (no pixels) into a study table."""
        self._check_root(root)
        parsed = self.parse_options(options)
        study: StudyTable = self.factory(root=root, image_size=image_size, options=parsed)
        return study

    def open_labels(
        self, *, root: Path | None, image_size: int, options: dict[str, Any]
    ) -> StudyTable:
        """Read the source's labels, without looking for images where it can do without."""
        if self.read_labels is not None:
            self._check_root(root)
            labels = self.read_labels(root=root, options=self.parse_options(options))
            note = "all images of the label file, here or not"
            return replace(labels, notes=(note, *labels.notes))
        return self.open(root=root, image_size=image_size, options=options)

    def _check_root(self, root: Path | None) -> None:
        if self.needs_root and root is None:
            raise InputError(f"data source {self.name!r} reads files: set data.root (--data PATH)")
        if not self.needs_root and root is not None:
            # Most likely --config was forgotten, and the user means to train on these files.
            raise InputError(
                f"data source {self.name!r} reads no files, and --data {root} names some: choose a "
                "config that reads them (bench list configs), or leave --data out"
            )
        if root is not None and not root.exists():
            raise InputError(f"data root {str(root)!r} is not there: set data.root (--data PATH)")

    def parse_options(self, options: dict[str, Any]) -> SourceOptions:
        """Validate ``data.options``."""
        from pydantic import ValidationError

        from bench.config.problems import one_line
        from bench.registry.options import SourceOptions

        model = self.options_model or SourceOptions
        try:
            return model.model_validate(options)
        except ValidationError as error:
            where = f"data.options of source {self.name!r}"
            raise InputError(f"{where}: {one_line(error, model)}") from None


DATASETS: Registry[DatasetEntry] = Registry(
    "data source", builtins="bench.registry.builtin_datasets"
)


def register_dataset(
    name: str,
    *,
    description: str,
    options_model: type[SourceOptions] | None = None,
    needs_root: bool = True,
    read_labels: DatasetFactory | None = None,
) -> Callable[[F], F]:
    """Decorator that registers a data source's factory; see :class:`DatasetEntry`.

    Raises:
        InputError: the name is taken or not snake_case.
    """
    return DATASETS.decorator(
        DatasetEntry,
        name=name,
        description=description,
        options_model=options_model,
        needs_root=needs_root,
        read_labels=read_labels,
        source=calling_module(),
    )
