"""The LaTeX tables, compiled: whatever is in a cell, and no wider than the page they promise."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench.evaluate.results import Reference
from bench.runs.records import Outcome
from tests.absent import absent
from tests.bench.report.runs import CHANCE, LABELS, ONE_WRONG, PERFECT, TRAINING, Runs
from tests.bench.report.test_formats import HOSTILE
from tests.bench.report.test_per_finding import add_labels
from tests.bench.report.test_tuned import tune

DOCUMENT = r"""\documentclass[a4paper]{article}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
\input{tables.tex}
\end{document}
"""


def compile_tables(text: str, folder: Path) -> str:
    """Output of TeX for a whole article with the tables in it."""
    engine = shutil.which("pdflatex")
    if engine is None:
        absent("pdflatex is not on PATH")
    (folder / "tables.tex").write_text(text, "utf-8")
    (folder / "article.tex").write_text(DOCUMENT, "utf-8")
    done = subprocess.run(
        [engine, "-interaction=nonstopmode", "-halt-on-error", "article.tex"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    log = done.stdout.decode(errors="replace")
    assert done.returncode == 0, log
    assert (folder / "article.pdf").is_file()
    return log


def test_signs_that_tex_reads_compile(runs: Runs, tmp_path: Path) -> None:
    runs.add("net_1", PERFECT, settings={"model": {"options": {"x": HOSTILE}}})
    runs.add("net_1", ONE_WRONG, settings={"model": {"options": {"x": ["{", 1]}}})
    runs.add("broken", outcome=Outcome(state="failed", reason="a % of\nlines"))
    compile_tables(runs.text("latex"), tmp_path)


def test_no_table_is_wider_than_its_page(runs: Runs, tmp_path: Path) -> None:
    for seed in range(3):
        tuned = {"train": {**TRAINING, "lr": 0.0123, "weight_decay": 1.234e-05}}
        name = runs.add("timm:mobilenetv3_small_100", PERFECT, seed=seed, settings=tuned)
        if seed == 0:
            tune(runs, "timm:mobilenetv3_small_100", runs_=[name])
        runs.add("cxnet_m1", ONE_WRONG, loss="sin", seed=seed, settings={"train": TRAINING})
    runs.add("resnet18", CHANCE, loss="weighted_ce", settings={"train": {**TRAINING, "lr": 0.5}})
    runs.add("prior", CHANCE)
    add_labels(runs, "timm:mobilenetv3_small_100")
    runs.add_answers(LABELS, "broken", None, outcome=Outcome(state="failed", reason="boom"))
    text = runs.text("latex", reference=Reference(model="cxnet_m1", loss="sin"))
    assert text.startswith("% Wants \\usepackage{booktabs} and \\usepackage{graphicx}")
    log = compile_tables(text, tmp_path)
    assert "Overfull" not in log
    assert "Tuning" in text
    # Every table is on a page: TeX keeps a few floats back at most and drops the rest.
    assert "unprocessed floats" not in log
