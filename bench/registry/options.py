"""Base of the options of data sources, apart from the registry, which loads no pydantic."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SourceOptions(BaseModel):
    """Base of a source's own options (``data.options``): frozen, unknown keys refused.

    The docstring below a field is its meaning in ``bench config show``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class FileOptions(SourceOptions):
    """Base of the options of sources whose images are files."""

    full_scale: int | None = Field(default=None, ge=1, le=65535)
    """Gray value of white in 16-bit files (4095 where they hold 12 bits); left out, 65535, which
    is refused where no such file comes near it.
    """
