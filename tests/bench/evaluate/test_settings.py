"""No two rows trained differently look the same."""

from __future__ import annotations

from typing import Any

import pytest

from bench.evaluate.results import Table
from tests.bench.report.runs import CHANCE, ONE_WRONG, PERFECT, TRAINING, Runs


def settings_of(table: Table) -> dict[str, list[str]]:
    """The settings column of each model's rows, sorted."""
    found: dict[str, list[str]] = {}
    for row in table.rows:
        found.setdefault(row.model, []).append(row.settings)
    return {model: sorted(texts) for model, texts in found.items()}


def test_a_setting_that_differs_between_any_two_networks_is_in_every_networks_row(
    runs: Runs,
) -> None:
    runs.add("net", PERFECT, settings={"train": {**TRAINING, "lr": 0.1}})
    runs.add("net", ONE_WRONG, settings={"train": {**TRAINING, "lr": 0.02}})
    runs.add("other", CHANCE, settings={"train": {**TRAINING, "lr": 0.02}})
    runs.add("prior", CHANCE)
    (table,) = runs.tables()
    assert settings_of(table) == {
        "net": ["train.lr=0.02", "train.lr=0.1"],
        "other": ["train.lr=0.02"],
        "prior": [""],
    }
    assert runs.row("other")["settings"] == "train.lr=0.02"


def test_rows_of_two_recipes_are_named_by_their_recipe(runs: Runs) -> None:
    modern = {**TRAINING, "recipe": "modern"}
    runs.add("net", PERFECT, settings={"train": {**TRAINING, "lr": 0.02}})
    runs.add("net", ONE_WRONG, settings={"train": modern})
    runs.add("other", CHANCE, settings={"train": {**modern, "clip": 5.0}})
    (table,) = runs.tables()
    assert settings_of(table) == {
        # What its recipe does not give.
        "net": ["train.lr=0.02, train.recipe=paper", "train.recipe=modern"],
        "other": ["train.clip=5.0, train.recipe=modern"],
    }
    assert "- **train.recipe**: paper is SGD" in runs.markdown()
    names = sorted(row.label for row in table.rows)
    assert names == ["net ce (lr=0.02, recipe=paper)", "net ce (recipe=modern)", "other ce"]


def test_what_a_recipe_gives_is_not_shown_beside_it(runs: Runs) -> None:
    short = {**TRAINING, "recipe": "modern", "max_iterations": 40, "patience": 7}
    runs.add("net", PERFECT, settings={"train": TRAINING})
    runs.add("net", ONE_WRONG, settings={"train": short})
    (table,) = runs.tables()
    assert sorted(row.label for row in table.rows) == [
        "net ce (max_iterations=40, recipe=modern)", "net ce (max_iterations=6000, recipe=paper)"
    ]  # fmt: skip
    assert settings_of(table) == {
        "net": [
            # A cosine has no patience.
            "train.max_iterations=40, train.recipe=modern",
            "train.max_iterations=6000, train.recipe=paper",
        ]
    }


def test_a_models_options_are_in_its_own_row_alone(runs: Runs) -> None:
    runs.add(
        "net",
        PERFECT,
        settings={"model": {"pretrained": False, "options": {"dropout": 0.2, "widths": [8, 16]}}},
    )
    runs.add("other", CHANCE, settings={"model": {"pretrained": False, "options": {}}})
    (table,) = runs.tables()
    assert settings_of(table) == {
        "net": ["model.options.dropout=0.2, model.options.widths=[8, 16]"],
        "other": [""],
    }


def test_keys_of_one_name_are_whole_in_labels(runs: Runs) -> None:
    for lr, option in ((0.1, 1.0), (1.0, 0.1)):
        model = {"pretrained": False, "options": {"lr": option}}
        runs.add("net", PERFECT, settings={"train": {**TRAINING, "lr": lr}, "model": model})
    (table,) = runs.tables()
    assert sorted(row.label for row in table.rows) == [
        "net ce (model.options.lr=0.1, train.lr=1.0)",
        "net ce (model.options.lr=1.0, train.lr=0.1)",
    ]


def test_digests_are_shown_only_where_nothing_else_tells_rows_apart(runs: Runs) -> None:
    def pretrained(digest: str) -> dict[str, Any]:
        return {"model": {"pretrained": True, "policy": "full", "weights": digest}}

    runs.add("resnet18", PERFECT, settings=pretrained("aaaa"))
    runs.add("resnet50", CHANCE, settings=pretrained("bbbb"))
    assert settings_of(runs.tables()[0]) == {"resnet18": [""], "resnet50": [""]}
    runs.add("resnet18", ONE_WRONG, settings=pretrained("cccc"))
    assert settings_of(runs.tables()[0]) == {
        "resnet18": ["model.weights=aaaa", "model.weights=cccc"],
        "resnet50": [""],
    }


def test_controls_show_settings_only_where_they_would_look_the_same(runs: Runs) -> None:
    runs.add("prior", CHANCE, settings={"data": {"options": {"seed": 0}}})
    runs.add("metadata", CHANCE, settings={"data": {"options": {"seed": 0}}})
    assert settings_of(runs.tables()[0]) == {"prior": [""], "metadata": [""]}
    runs.add("prior", CHANCE, settings={"data": {"options": {"seed": 1}}})
    assert settings_of(runs.tables()[0]) == {
        "prior": ["data.options.seed=0", "data.options.seed=1"],
        "metadata": [""],
    }


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ({"pretrained": False}, "from scratch"),
        ({"pretrained": True, "policy": "full"}, "pretrained"),
        ({"pretrained": True, "policy": "head"}, "pretrained, head"),
        ({"pretrained": True, "policy": "last_stage"}, "pretrained, last_stage"),
        ({"pretrained": True, "normalisation": "data"}, "pretrained, normalised by the data"),
    ],
)
def test_the_weights_column_tells_what_was_trained(
    runs: Runs, model: dict[str, Any], shown: str
) -> None:
    runs.add("net", PERFECT, settings={"model": model})
    runs.add("other", CHANCE)
    assert runs.row("net")["weights"] == shown
    assert settings_of(runs.tables()[0])["net"] == [""]


def training_line(runs: Runs) -> str:
    (line,) = [line for line in runs.markdown().splitlines() if line.startswith("- training")]
    return line


def test_the_settings_that_all_networks_share_are_one_line_above_the_table(runs: Runs) -> None:
    runs.add("net", PERFECT, settings={"train": TRAINING})
    runs.add("prior", CHANCE)
    assert training_line(runs) == (
        "- training: optimizer sgd, lr 0.01, momentum 0.9, weight decay 0, "
        "batch size 32, max iterations 6,000, validate every 100, decay factor 5, "
        "patience 2, max decays 3, precision float32, memory format contiguous, channels 1, "
        "augmentation none"
    )
    text = runs.markdown()
    assert text.index("- training") < text.index("| model")
    assert training_line(runs).removeprefix("- ") in runs.text("latex")


def test_what_differs_is_not_in_the_line_of_what_is_shared(runs: Runs) -> None:
    changed = {
        **TRAINING,
        "patience": 4,
        "nesterov": True,
        "augment": {"flip": True, "shift": 0.05},
    }
    other = {**changed, "lr": 0.3, "patience": 1, "augment": {**changed["augment"], "flip": False}}
    runs.add("net", PERFECT, settings={"train": changed})
    runs.add("other", CHANCE, settings={"train": other})
    assert training_line(runs) == (
        "- training (what differs is in the column settings, or was tuned): "
        "optimizer sgd, momentum 0.9, weight decay 0, nesterov, batch size 32, "
        "max iterations 6,000, validate every 100, decay factor 5, max decays 3, "
        "precision float32, memory format contiguous, channels 1, other augmentation shift 0.05"
    )
    assert settings_of(runs.tables()[0]) == {
        "net": ["train.augment.flip=true, train.lr=0.01, train.patience=4"],
        "other": ["train.augment.flip=false, train.lr=0.3, train.patience=1"],
    }


def test_a_cosine_is_named_without_settings_of_plateaus(runs: Runs) -> None:
    cosine = {**TRAINING, "schedule": "cosine", "warmup": 0.1, "clip": 1.0, "ema": 0.999}
    runs.add("net", PERFECT, settings={"train": cosine})
    line = training_line(runs)
    assert "schedule cosine, warmup 0.1, clip 1, ema 0.999, precision" in line
    assert not [name for name in ("decay factor", "patience", "max decays") if name in line]


def test_a_share_of_the_training_part_is_in_the_training_line(runs: Runs) -> None:
    runs.add("net", PERFECT, settings={"train": TRAINING, "data": {"train_share": 0.07}})
    runs.add("other", CHANCE, settings={"train": TRAINING, "data": {"train_share": 0.07}})
    assert ", 7 % of the training part, augmentation none" in training_line(runs)
    assert settings_of(runs.tables()[0]) == {"net": [""], "other": [""]}


def test_shares_that_differ_are_in_the_rows(runs: Runs) -> None:
    for share in (0.25, 1.0):
        settings = {"train": TRAINING, "data": {"train_share": share}}
        runs.add("net", PERFECT, settings=settings)
        runs.add("prior", CHANCE, settings={"data": {"train_share": share}})
    assert settings_of(runs.tables()[0]) == {
        "net": ["data.train_share=0.25", "data.train_share=1.0"],
        "prior": ["data.train_share=0.25", "data.train_share=1.0"],
    }
    assert training_line(runs).startswith(
        "- training (what differs is in the column settings, or was tuned):"
    )
    assert "of the training part," not in training_line(runs)


def test_a_memory_format_is_said_where_it_is_not_the_ordinary_one(runs: Runs) -> None:
    last = {"train": {**TRAINING, "memory_format": "channels_last"}}
    runs.add("net", PERFECT, settings=last)
    assert ", memory format channels_last, " in training_line(runs)
    runs.add("net", CHANCE, settings={"train": TRAINING})
    runs.add("other", CHANCE, settings={"train": TRAINING})
    assert settings_of(runs.tables()[0]) == {
        "net": ["train.memory_format=channels_last", "train.memory_format=contiguous"],
        "other": ["train.memory_format=contiguous"],
    }
    assert sorted(row.label for row in runs.tables()[0].rows) == [
        "net ce (memory_format=channels_last)",
        "net ce (memory_format=contiguous)",
        "other ce",
    ]
