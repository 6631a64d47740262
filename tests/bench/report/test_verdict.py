"""The verdict on a table in words."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.evaluate.comparison import Verdict
from bench.evaluate.results import Row, Table
from bench.report.verdict import MOST_WORDS, size_beside, verdict_text
from tests.bench.evaluate.made_rows import made_control, made_row, made_table
from tests.bench.report.runs import data

PIXELS = made_control()
NET = made_row("net")
WIDE = {"parameters": 3000}
SMALL = {"parameters": 330}
ONE = {"seeds": (0,)}
FREE: dict[str, Any] = {"over": None}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([PIXELS], "No network has finished."),
        (
            [made_row("net", over=-0.1), PIXELS],
            'No network is shown to be above the control "pixels".',
        ),
        (
            [NET, made_row("wide", "better", **WIDE), PIXELS],
            "Take wide: better than net by 0.020.",
        ),
        (
            [
                NET,
                made_row("wide", "better", **WIDE),
                made_row("wider", "better", parameters=9999),
                PIXELS,
            ],
            "2 networks are better than net; take wide, the smallest.",
        ),
        ([NET, PIXELS], 'net is shown to be above the control "pixels".'),
        (
            [NET, made_row("small", "equivalent", **SMALL), PIXELS],
            "Take small: within 0.01 of net, a third the size.",
        ),
        (
            [NET, made_row("small", "not worse", **SMALL), PIXELS],
            "Take small: not worse than net, a third the size.",
        ),
        (
            [made_row("net", **ONE), made_row("other", "differs", **ONE), PIXELS],
            "One run each decides nothing: run more seeds before taking one.",
        ),
        ([NET, made_row("other", "worse"), PIXELS], "Take net: other is worse by 0.030."),
        (
            [NET, made_row("a", "worse"), made_row("b", "worse"), PIXELS],
            "Take net: all other networks are worse.",
        ),
        (
            [NET, made_row("small", "cannot tell", **SMALL), PIXELS],
            "Undecided: small is smaller, but not shown to be as good.",
        ),
        (
            [NET, made_row("wide", "cannot tell", **WIDE), PIXELS],
            "No network is shown to be better; take net, the smallest.",
        ),
        (
            [NET, made_row("twin", "cannot tell"), PIXELS],
            "No network is shown to be better than net.",
        ),
    ],
)
def test_verdicts(rows: list[Row], said: str) -> None:
    assert verdict_text(made_table(*rows)).verdict == said


def test_the_reason_has_the_figures() -> None:
    table = made_table(NET, made_row("small", "equivalent", **SMALL), PIXELS)
    assert verdict_text(table).reason == (
        "The difference of AUC is +0.001 (-0.009 to +0.011), and a difference of 0.01 or more is "
        "ruled out; 330 parameters against 1,000."
    )
    table = made_table(made_row("net", over=-0.1), made_row("near", "better", over=-0.04), PIXELS)
    assert verdict_text(table).reason == (
        "near comes closest with AUC 0.870 against 0.700, a difference of +0.010 (-0.040 to "
        "+0.060)."
    )


def test_what_limits_a_verdict_is_said() -> None:
    wide = made_row("wide", "better", trained_otherwise=True, **WIDE, **FREE)
    table = made_table(made_row("net", **FREE), wide, data=data(source="phantom"), hidden=2)
    assert [line.split(":")[0] for line in verdict_text(table).caveats] == [
        "This is of the rows shown",
        "No control has finished",
        "wide and net were trained with different settings",
    ]


def test_synthetic_images_are_part_of_the_reason() -> None:
    reason = verdict_text(made_table(NET, data=data(source="phantom"))).reason
    assert reason.endswith("The images are synthetic: this says nothing about real X-rays.")


def test_a_control_that_decides_is_explained() -> None:
    pixels = "pixels: logistic regression on 16 × 16 gray values."
    assert pixels in verdict_text(made_table(made_row("net", over=-0.1), PIXELS)).caveats
    better = made_table(NET, made_row("wide", "better", **WIDE), PIXELS)
    assert pixels not in verdict_text(better).caveats


def test_networks_that_are_not_above_the_control_are_counted() -> None:
    rows = [made_row("low", "worse", over=-0.1), made_row("lower", "worse", over=-0.2)]
    assert verdict_text(made_table(NET, *rows, PIXELS)).caveats == [
        '2 of 3 networks are not shown to be above the control "pixels" (†).'
    ]
    below = verdict_text(made_table(*rows, PIXELS)).caveats
    assert not any("†" in line for line in below)


def test_a_control_as_the_reference_is_called_one() -> None:
    control = made_control(comparison=None, is_reference=True)
    table = made_table(made_row("net", "better"), control)
    assert verdict_text(table).verdict == 'Take net: better than the control "pixels" by 0.020.'


def test_others_are_counted_by_their_verdicts() -> None:
    wide = made_row("wide", "cannot tell", **WIDE)
    wider = made_row("wider", "cannot tell", **WIDE)
    low = made_row("low", "worse", **WIDE)
    shown = "; a true difference of 0.030 would be shown four times in five."
    for rows, said in (
        ([wide], "The other network cannot be told from it"),
        ([wide, wider], "Both other networks cannot be told from it"),
        ([wide, wider, low], "Of 3 other networks 2 cannot be told from it and 1 is worse"),
    ):
        assert verdict_text(made_table(NET, *rows, PIXELS)).reason == said + shown


def test_rows_of_one_model_are_named_by_their_loss_too() -> None:
    other = made_row("net", "worse", loss="sin", label="net sin")
    assert verdict_text(made_table(NET, other, PIXELS)).verdict == (
        "Take net ce: net sin is worse by 0.030."
    )


def test_long_names_leave_room_by_saying_less() -> None:
    long = "net ce (max_iterations=40, pretrained, head)"
    rows = [made_row("net", label=long), made_row("net", "equivalent", loss="sin", **SMALL), PIXELS]
    assert verdict_text(made_table(*rows)).verdict == (
        "Take net sin: within 0.01 of the reference, a third the size."
    )


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (100, "1/10 the size"), (330, "a third the size"), (500, "half the size"),
        (850, "about the same size"), (700, "smaller"), (1000, "the same size"),
        (2500, "2.5 times the size"), (30000, "30 times the size"), (None, ""),
    ],
)  # fmt: skip
def test_sizes_side_by_side(parameters: int | None, said: str) -> None:
    expected = said.replace("1/10", "a tenth")
    assert size_beside(made_row("a", parameters=parameters), made_row("b")) == expected


VERDICTS = st.sampled_from(get_args(Verdict))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """A reference or none, up to four other rows of any kind and size, a control or none."""
    some = st.integers(1, 9).map(lambda number: number * 1000)
    kinds = st.sampled_from(["network", "network", "network", "cascade", "imported"])
    control = draw(st.booleans())
    rows = []
    for number in range(draw(st.integers(0, 5))):
        kind = draw(kinds)
        first = number == 0 and kind != "cascade" and draw(st.booleans())
        rows.append(
            made_row(
                draw(st.sampled_from(["alpha", "beta", f"net{number}"])),
                None if first else draw(VERDICTS),
                kind=kind,
                loss="" if kind == "imported" else f"loss{number}",
                seeds=(0,) if kind == "imported" or draw(st.booleans()) else (0, 1),
                over=draw(st.sampled_from([-0.2, 0.1])) if control else None,
                parameters=draw(some) if kind == "network" else None,
            )
        )
    if rows and not rows[0].is_reference:
        rows = [Row(**{**vars(row), "comparison": None}) for row in rows]
    return made_table(*rows, *([PIXELS] if control else []))


@given(tables())
def test_no_card_says_more_than_its_rows(table: Table) -> None:
    said = verdict_text(table)
    words = said.verdict.split()
    assert len(words) <= MOST_WORDS
    assert said.verdict.endswith(".")
    assert said.reason.endswith(".")
    for text in (said.verdict, said.reason, *said.caveats):
        assert not re.search(r"  |\.\.| [.,;:]|None|nan|inf\b", text)
    networks = [row for row in table.rows if row.kind != "control"]
    better = [row for row in networks if row.comparison and row.comparison.verdict == "better"]
    above = [row for row in networks if row.over_control and row.over_control.low > 0.0]
    if re.search(r"better than|are better", said.verdict) and "No " not in said.verdict:
        named = [row for row in better if row.model in said.verdict]
        assert named or (len(better) > 1 and f"{len(better)} " in said.verdict)
    if "is shown to be better" in said.verdict:
        assert not better
    if table.best_controls and networks and not above:
        assert 'control "pixels"' in said.verdict
    if "Take" in said.verdict or "take" in said.verdict.split(";")[-1]:
        assert above or not table.best_controls
