"""Markdown, CSV and LaTeX say the same and cannot be broken by what is in a cell."""

from __future__ import annotations

import io

import pandas as pd

from bench.runs.records import Outcome
from bench.runs.run import Unfinished
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, Runs


def test_latex_is_escaped_and_has_booktabs_rules(runs: Runs) -> None:
    runs.add("net_1", PERFECT)
    runs.add("prior", CHANCE)
    text = runs.text("latex")
    for rule in ("\\toprule", "\\midrule", "\\bottomrule"):
        assert text.count(rule) == text.count("\\begin{table}") >= 4
    assert "\\hline" not in text
    assert "net\\_1" in text
    assert "\\textbf{1.000} (0.492--1.000)" in text
    assert "% nih (here), split image" in text


HOSTILE = "a\\b{c}$d^e~f&g%h#i_j<k>|l±–†"


def test_latex_escapes_every_sign_that_tex_reads(runs: Runs) -> None:
    runs.add("net", PERFECT, settings={"model": {"options": {"x": HOSTILE}}})
    runs.add("net", ONE_WRONG, settings={"model": {"options": {"x": {"deep": [1, {"y": "z_1"}]}}}})
    text = runs.text("latex")
    assert (
        "model.options.x=a\\textbackslash{}b\\{c\\}\\$d\\textasciicircum{}e\\textasciitilde{}f\\&g\\%h\\#i\\_j"
        "\\textless{}k\\textgreater{}\\textbar{}l$\\pm$--$\\dagger$"
    ) in text
    assert 'x.deep=[1, \\{"y": "z\\_1"\\}]' in text


def test_a_setting_cannot_break_its_cell(runs: Runs) -> None:
    runs.add("net", PERFECT, settings={"train": {"optimizer": "a\0b\1\nc|d"}})
    runs.add("net", ONE_WRONG, settings={"train": {"optimizer": "plain"}})
    assert 'train.optimizer="a\\u0000b\\u0001\\nc\\|d"' in runs.markdown()


def test_a_reason_of_several_lines_stays_in_its_line(runs: Runs) -> None:
    runs.add("net", PERFECT)
    runs.add("broken", outcome=Outcome(state="failed", reason="first\nsecond"))
    assert "- broken ce, seed 0, failed: first second\n" in runs.markdown()
    latex = runs.text("latex")
    assert "% broken ce, seed 0, failed: first second\n" in latex


def test_unfinished_runs_are_named(runs: Runs) -> None:
    runs.add("net", PERFECT)
    unfinished = [
        Unfinished(name="net-ce-s1-0123", running=False),
        Unfinished(name="net-ce-s2-0123", running=True),
        Unfinished(name="net-ce-s3-0123", running=True),
    ]
    text = runs.text("markdown", unfinished=unfinished)
    assert (
        "1 run interrupted and in no table (run the same command again to go on): net-ce-s1-0123\n"
    ) in text
    assert ("2 runs still running and in no table: net-ce-s2-0123, net-ce-s3-0123\n") in text
    latex = runs.text("latex", unfinished=unfinished)
    assert latex.count("\n% 1 run int") == latex.count("\n% 2 runs still") == 1
    table = runs.text("csv", unfinished=unfinished)
    frame = pd.read_csv(io.StringIO(table))
    assert frame["state"].tolist() == ["finished", "interrupted", "running", "running"]
