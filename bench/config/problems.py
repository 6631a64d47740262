"""Pydantic's complaints as one line that a user can act on."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from bench.config.dotted import model_at
from bench.config.keys import suggest, unit_note
from bench.config.schema import Experiment
from bench.registry.core import near_matches

# Pydantic speaks of Python's types where the user has written YAML.
IN_YAML = {
    "tuple_type": "Input should be a list",
    "dict_type": "Input should be a mapping of keys to values",
    "model_type": "Input should be a mapping of keys to values",
}


def one_line(error: ValidationError, model: type[BaseModel]) -> str:
    """The first complaint of a validation error, with near matches for an unknown key.

    Args:
        model: the model that refused, whose fields are what the user may have meant.
    """
    # A key that is mistyped is missing too.
    first = min(error.errors(), key=lambda each: each["type"] == "missing")
    key = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        meant = suggest(key) if model is Experiment else None
        holder = model_at(model, first["loc"][:-1])
        fields = list(holder.model_fields) if holder else []
        if meant:
            hint = f"did you mean {meant}?{unit_note(key)}"
        else:
            hint = near_matches(str(first["loc"][-1]), fields)
        return f"unknown key {key!r}: {hint}{more}"
    if first["loc"][:2] == ("model", "options") and first["type"] == "dict_type":
        option = "".join(map(str, first["loc"][2:3])) or "OPTION"
        return f"{key}: name the model first, as in model.options.MODEL.{option}{more}"
    reason = IN_YAML.get(first["type"], first["msg"].removeprefix("Value error, "))
    if first["type"] == "missing":
        return f"key {key!r} is required{more}"
    if not key:
        return f"{reason}{more}"
    if first["type"] == "value_error":
        return f"{key}: {reason}{more}"
    return f"{key}: {reason}, not {first['input']!r}{more}"
