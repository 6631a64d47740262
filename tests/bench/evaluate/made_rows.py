"""Tables of made-up rows, whose verdicts are given and not computed."""

from __future__ import annotations

from typing import Any

from bench.evaluate.comparison import Comparison, Verdict
from bench.evaluate.estimate import Figure, Interval
from bench.evaluate.results import BestControl, Reference, Row, Table
from bench.evaluate.settings import SharedSettings
from bench.runs.predictions import Outputs
from tests.bench.report.runs import data

CONTROL = 0.7
REFERENCE_AUC = 0.85
# What a difference to the reference may be where a verdict was given.
DIFFERENCES: dict[Verdict, float] = {
    "better": 0.02,
    "worse": -0.03,
    "equivalent": 0.001,
    "not worse": 0.004,
    "differs": -0.02,
    "cannot tell": -0.004,
    "n/a": 0.0,
}


def compared(verdict: Verdict, value: float | None = None, *, width: float = 0.01) -> Comparison:
    """A comparison of a verdict."""
    middle = DIFFERENCES[verdict] if value is None else value
    reason = "they have no image in common" if verdict == "n/a" else ""
    gap = Interval(value=middle, low=middle - width, high=middle + width)
    return Comparison(
        difference=Interval(value=middle, reason=reason) if reason else gap,
        p=0.01,
        p_holm=0.02,
        margin=0.01,
        p_equivalent=0.4,
        p_not_worse=0.2,
        verdict=verdict,
        smallest=0.03,
        images=6,
    )


def made_row(
    model: str,
    verdict: Verdict | None = None,
    *,
    value: float | None = None,
    over: float | None = 0.1,
    parameters: int | None = 1000,
    **changes: Any,
) -> Row:
    """A network; the reference where no verdict is given.

    Args:
        over: lower end of its difference to the best control; None for no control.
    """
    comparison = None if verdict is None else compared(verdict, value)
    auc = REFERENCE_AUC + (0.0 if comparison is None else comparison.difference.value)
    made: dict[str, Any] = {
        "kind": "network",
        "loss": "ce",
        "weights": "from scratch",
        "settings": "",
        "train_share": 1.0,
        "seeds": (0, 1, 2),
        "figures": {"auc": Figure(value=auc, low=auc - 0.02, high=auc + 0.02, images=6)},
        "parameters": parameters,
        "is_reference": verdict is None,
        "comparison": comparison,
        "over_control": None
        if over is None
        else Interval(value=over + 0.05, low=over, high=over + 0.1),
    }
    row = Row(model=model, **made | changes)
    named = row.name if row.kind != "control" else f"control: {model}"
    return Row(**{**vars(row), "label": row.label or named})


def made_control(model: str = "pixels", **changes: Any) -> Row:
    """A control."""
    figure = Figure(value=CONTROL, low=CONTROL - 0.02, high=CONTROL + 0.02, images=6)
    plain: dict[str, Any] = {
        "kind": "control", "loss": "", "weights": "", "seeds": (0,), "figures": {"auc": figure},
    }  # fmt: skip
    return made_row(model, "worse", value=-0.15, over=None, parameters=None, **plain | changes)


def made_table(*rows: Row, **changes: Any) -> Table:
    """A table of rows, with the best of its controls."""
    controls = [row for row in rows if row.kind == "control"]
    reference = next((row for row in rows if row.is_reference), None)
    wanted = reference or Row(**{**vars(rows[0]), "model": "absent"}) if rows else None
    made: dict[str, Any] = {
        "data": data(),
        "outputs": Outputs(kind="multiclass", classes=("normal", "abnormal")),
        "settings": SharedSettings(shared={}, differing=frozenset()),
        "rows": rows,
        "best_controls": {1.0: BestControl(controls[0].model, CONTROL)} if controls else {},
        "environments": (),
        "reference": reference,
        "wanted": Reference(model=wanted.model, loss=wanted.loss) if wanted else Reference(),
        "resamples": 100,
    }
    return Table(**made | changes)
