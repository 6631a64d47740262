"""The README's snippets are run as they stand there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.config import expand, load_experiment, missing_references, shipped_folder
from tests.bench.cli.conftest import Command

README = Path(__file__).resolve().parents[3] / "README.md"
DOCS = README.parent / "docs"
# The README's run, made short; what it says is unchanged.
SHORT = {
    "data.options.images": 120,
    "data.image_size": 32,
    "train.max_iterations": 2,
    "train.batch_size": 4,
    "controls": ["prior"],
}


def block_after(marker: str, page: Path = README) -> str:
    """The code block that follows an HTML comment."""
    found = re.search(
        rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)```", page.read_text("utf-8"), re.DOTALL
    )
    assert found is not None, f"{page.name} has no block after {marker!r}"
    return found.group(1)


def run_commands(block: str, bench: Command) -> list[str]:
    """Standard output of each command of a block; runs are made short."""
    printed = []
    for line in block.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "bench"
        if arguments[0] == "run":
            for key, value in SHORT.items():
                arguments += ["--set", f"{key}={value}"]
        done = bench(*arguments)
        assert done.code == 0, done.err
        printed.append(done.out)
    return printed


def test_a_model_of_ones_own_appears_in_list_run_and_report(bench: Command, tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(block_after("plugin: my_model.py"))
    listed, ran, reported = run_commands(block_after("plugin commands"), bench)
    parameters = 32 * 25 + 32 + 64 * 32 * 25 + 64 + 64 * 2 + 2
    assert re.search(rf"my_model +{parameters:,} ", listed)
    assert "my_model sin seed 0" in ran
    assert re.search(rf"\| my_model +\| sin +\| from scratch +\|.*\| +{parameters:,} \|", reported)


def test_a_loss_of_ones_own_is_trained_with_its_option(bench: Command, tmp_path: Path) -> None:
    page = DOCS / "training.md"
    (tmp_path / "my_loss.py").write_text(block_after("plugin: my_loss.py", page))
    ran, reported = run_commands(block_after("loss commands", page), bench)
    assert "cxnet_m1 tempered_ce seed 0" in ran
    assert re.search(r"\| cxnet_m1 +\| tempered_ce +\|.*loss\.options\.temperature=3", reported)


def test_the_plugin_is_about_ten_lines() -> None:
    assert len(block_after("plugin: my_model.py").splitlines()) <= 10


def test_a_question_of_ones_own_is_two_keys_in_a_config(tmp_path: Path) -> None:
    demo = (shipped_folder() / "demo.yaml").read_text("utf-8")
    (tmp_path / "mine.yaml").write_text(demo + block_after("question", DOCS / "paper.md"))
    experiment = load_experiment(tmp_path / "mine.yaml")
    assert [one.train.lr for one in expand(experiment)] == [0.005, 0.01, 0.02]
    assert missing_references(experiment) == []
    assert experiment.question is not None


def test_the_python_door_opens_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((40, 40), np.uint8)).save("chest.png")
    code = block_after("python door")
    short = code.replace('"demo", **{', f'"demo", **{SHORT | {"losses": ["ce"]}!r} | {{')
    assert short != code
    names: dict[str, Any] = {}
    exec(short, names)
    assert "auc_low" in capsys.readouterr().out
    assert names["probabilities"].shape == (1, 2)
    assert names["model"].classes == ("normal", "abnormal")


def test_ci_runs_the_readmes_test_command() -> None:
    script = (README.parent / ".ci" / "run").read_text("utf-8")
    (extraction,) = re.findall(r"command=\$\((.*)\)$", script, re.MULTILINE)
    done = subprocess.run(
        ["bash", "-c", extraction], cwd=README.parent, capture_output=True, text=True, check=True
    )
    (command,) = block_after("test command").splitlines()
    assert done.stdout.splitlines() == [command]
    assert command.startswith("pip install -e '.[test]' && ")
    assert command.endswith(" && pytest -n 2")


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "results/README.md",
        *(f"docs/{p.name}" for p in DOCS.iterdir()),
    ],
)
def test_links_to_files_of_the_project_resolve(page: str) -> None:
    path = README.parent / page
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8"))
    broken = [x for x in links if "://" not in x and not (path.parent / x).exists()]
    assert broken == []
