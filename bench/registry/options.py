"""Base of the options of data sources, apart from the registry, which loads no pydantic."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class SourceOptions(BaseModel):
    """Base of a source's own options (``data.options``): frozen, unknown keys refused.

    The docstring below a field is its meaning in ``bench config show``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
