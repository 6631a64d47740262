"""Markdown, CSV and LaTeX say the same and cannot be broken by what is in a cell."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.report import FORMATS
from bench.runs import Unfinished, Verdict
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, Runs


def test_csv_has_every_row_with_full_precision(runs: Runs) -> None:
    runs.add("net", ONE_WRONG)
    runs.add("broken", verdict=Verdict(state="failed", reason="a, b\nc"))
    runs.add("prior", CHANCE)
    unfinished = [Unfinished(name="net-sin-s0-0123", running=False)]
    text = FORMATS["csv"](runs.tables(), unfinished=unfinished)
    frame = pd.read_csv(io.StringIO(text))
    assert frame["model"].tolist()[:3] == ["net", "prior", "broken"]
    assert frame["state"].tolist() == ["finished", "finished", "failed", "interrupted"]
    assert frame["auc_mean"][0] == 8 / 9
    assert np.isnan(frame["auc_sd"][0])
    assert frame["reason"][2] == "seed 0: a, b\nc"
    assert frame["reason"][3] == "net-sin-s0-0123"


def test_latex_is_escaped_and_has_booktabs_rules(runs: Runs) -> None:
    runs.add("net_1", PERFECT)
    runs.add("prior", CHANCE)
    text = FORMATS["latex"](runs.tables())
    for rule in ("\\toprule", "\\midrule", "\\bottomrule"):
        assert text.count(rule) == 1
    assert "\\hline" not in text
    assert "net\\_1" in text
    assert "\\textbf{1.000}" in text
    assert "% nih (here), split image" in text


def document(table: str) -> str:
    return (
        "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
        f"{table}\\end{{document}}\n"
    )


HOSTILE = "a\\b{c}$d^e~f&g%h#i_j<k>|l±–†"


def test_latex_escapes_every_sign_that_tex_reads(runs: Runs) -> None:
    runs.add("net", PERFECT, settings={"train": {"x": HOSTILE}})
    runs.add("net", ONE_WRONG, settings={"train": {"x": {"deep": [1, {"y": "z_1"}]}}})
    text = FORMATS["latex"](runs.tables())
    assert (
        "train.x=a\\textbackslash{}b\\{c\\}\\$d\\textasciicircum{}e\\textasciitilde{}f\\&g\\%h\\#i"
        "\\_j\\textless{}k\\textgreater{}\\textbar{}l$\\pm$--$\\dagger$"
    ) in text
    assert 'train.x.deep=[1, \\{"y": "z\\_1"\\}]' in text


def test_what_is_not_printable_cannot_become_markup(runs: Runs) -> None:
    runs.add("net", PERFECT, settings={"train": {"x": "a\0b\1\nc"}})
    runs.add("net", ONE_WRONG, settings={"train": {"x": "plain"}})
    assert 'train.x="a\\u0000b\\u0001\\nc"' in runs.markdown()


def test_a_reason_of_several_lines_stays_in_its_line(runs: Runs) -> None:
    runs.add("net", PERFECT)
    runs.add("broken", verdict=Verdict(state="failed", reason="first\nsecond"))
    assert "- broken ce, seed 0, failed: first second\n" in runs.markdown()
    latex = FORMATS["latex"](runs.tables())
    assert "% broken ce, seed 0, failed: first second\n" in latex


def test_tex_compiles_the_table(runs: Runs, tmp_path: Path) -> None:
    engine = shutil.which("pdflatex") or shutil.which("tectonic")
    if engine is None:
        pytest.skip("neither pdflatex nor tectonic is on PATH")
    runs.add("net_1", PERFECT, settings={"train": {"x": HOSTILE}})
    runs.add("net_1", ONE_WRONG, settings={"train": {"x": ["{", 1]}})
    (tmp_path / "table.tex").write_text(document(FORMATS["latex"](runs.tables())), "utf-8")
    options = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in engine else []
    done = subprocess.run(
        [engine, *options, "table.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "table.pdf").is_file()


def test_unfinished_runs_are_named(runs: Runs) -> None:
    runs.add("net", PERFECT)
    unfinished = [
        Unfinished(name="net-ce-s1-0123", running=False),
        Unfinished(name="net-ce-s2-0123", running=True),
        Unfinished(name="net-ce-s3-0123", running=True),
    ]
    text = FORMATS["markdown"](runs.tables(), unfinished=unfinished)
    assert (
        "1 run was interrupted and is in no table (run the same command again to go on): "
        "net-ce-s1-0123\n"
    ) in text
    assert (
        "2 runs are still running and are in no table: net-ce-s2-0123, net-ce-s3-0123\n"
    ) in text
    latex = FORMATS["latex"](runs.tables(), unfinished=unfinished)
    assert latex.count("\n% 1 run was") == latex.count("\n% 2 runs are") == 1
    table = FORMATS["csv"](runs.tables(), unfinished=unfinished)
    frame = pd.read_csv(io.StringIO(table))
    assert frame["state"].tolist() == ["finished", "interrupted", "running", "running"]


def test_a_pipe_in_a_name_cannot_break_the_table(runs: Runs) -> None:
    runs.add("a", PERFECT, settings={"train": {"optimizer": "x|y"}})
    runs.add("a", ONE_WRONG, settings={"train": {"optimizer": "z"}})
    assert "train.optimizer=x\\|y" in FORMATS["markdown"](runs.tables())
