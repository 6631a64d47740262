"""The matrix and the keys of its runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.config import load_experiment
from bench.execute.controls import CONTROLS
from bench.registry import MODELS
from bench.registry.plugins import load_plugin
from bench.runs.cells import Cell, make_cells, pretrained_models
from tests.bench.records import cell


def cells(*settings: str, config: str = "demo") -> list[Cell]:
    return make_cells(load_experiment(config, settings=settings), weights={})


def key(cell: Cell) -> str:
    return cell.key(data="d", split="s")


def test_the_demo_is_every_control_and_models_times_losses() -> None:
    labels = [cell.label for cell in cells("seeds=[0, 1]", "models=[cxnet_m1, resnet18]")]
    assert labels == [
        *(f"control {name}" for name in CONTROLS),
        "cxnet_m1 ce seed 0",
        "cxnet_m1 sin seed 0",
        "resnet18 ce seed 0",
        "resnet18 sin seed 0",
        "cxnet_m1 ce seed 1",
        "cxnet_m1 sin seed 1",
        "resnet18 ce seed 1",
        "resnet18 sin seed 1",
    ]


def test_keys_tell_all_cells_apart_and_stay_the_same() -> None:
    first, second = cells("seeds=[0, 1, 2]"), cells("seeds=[0, 1, 2]")
    assert [key(c) for c in first] == [key(c) for c in second]
    assert len({key(c) for c in first}) == len(first)


@pytest.mark.parametrize(
    "setting",
    [
        "data.image_size=48",
        "data.options.seed=3",
        "train.lr=0.5",
        "train.augment.flip=true",
        "train.devices=2",
        "model.in_channels=3",
        "model.options.cxnet_m1.dropout=0.1",
    ],
)
def test_whatever_changes_a_result_changes_the_key(setting: str) -> None:
    assert key(cells()[len(CONTROLS)]) != key(cells(setting)[len(CONTROLS)])


@pytest.mark.parametrize(
    "setting",
    [
        "data.root=/somewhere",
        "data.on_bad=skip",
        "name=other",
        "data.options={images: 2400}",  # the seed's default, not spelt out
        # The split's hash is in the key, and says what came of these.
        "data.split_seed=1",
        "data.test_fraction=0.3",
        "train.checkpoint_seconds=7",
        "train.devices=1",
    ],
)
def test_what_changes_no_result_does_not_change_the_key(setting: str) -> None:
    assert [key(c) for c in cells()] == [key(c) for c in cells(setting)]


def test_keys_of_stored_runs_hold() -> None:
    """A key that changes loses users their runs: where results change, raise RESULTS_VERSION."""
    given = ("data.image_size=32", "train.max_iterations=200")
    made = cells(*given, "train.precision=float32", "train.memory_format=contiguous")
    keys = {one.label: key(one) for one in made}
    assert keys["control prior"] == "334afb7c23ac521b"
    assert keys["cxnet_m1 sin seed 0"] == "6c0d58264365be5c"


def test_a_cell_is_what_is_read_back_from_its_record() -> None:
    for one in cells():
        for record in (one.model_dump(), one.model_dump(mode="json", exclude_none=True)):
            assert Cell.model_validate(record) == one


def test_settings_are_those_of_the_kind() -> None:
    control, network = cells()[0], cells()[len(CONTROLS)]
    with pytest.raises(ValueError, match="settings are not those of kind network"):
        Cell.model_validate(network.model_dump() | {"settings": control.settings})
    with pytest.raises(TypeError, match="control prior is no network"):
        _ = control.network


def test_data_and_split_are_in_the_key() -> None:
    cell = cells()[len(CONTROLS)]
    assert len({cell.key(data=d, split=s) for d in "ab" for s in "cd"}) == 4


def test_another_model_s_options_leave_a_key_alone() -> None:
    changed = {c.label: key(c) for c in cells("model.options.cxnet_m1.dropout=0.1")}
    before = {c.label: key(c) for c in cells()}
    same = {label for label in before if before[label] == changed[label]}
    assert {label for label in before if "cxnet_m1" not in label} == same


def test_a_network_that_starts_from_weights_says_which() -> None:
    experiment = load_experiment("demo", settings=["models=[cxnet_m1, resnet18]", "losses=[ce]"])
    made = make_cells(experiment, weights={"resnet18": "0123"})
    by_model = {cell.model: cell for cell in made}
    scratch, fine_tuned = (by_model[name].network.model for name in ("cxnet_m1", "resnet18"))
    assert (scratch.pretrained, scratch.weights, scratch.policy) == (False, None, None)
    assert (fine_tuned.pretrained, fine_tuned.weights) == (True, "0123")
    assert fine_tuned.policy == "full"
    other = {cell.model: cell for cell in make_cells(experiment, weights={"resnet18": "4567"})}
    assert key(other["resnet18"]) != key(by_model["resnet18"])
    assert key(other["cxnet_m1"]) == key(by_model["cxnet_m1"])


def test_a_network_can_start_both_ways() -> None:
    experiment = load_experiment(
        "demo",
        settings=["losses=[ce]", "controls=[]", "model.both=[resnet18]"],
        changes={"models": ["cxnet_m1", "resnet18"]},
    )
    assert pretrained_models(experiment) == ["resnet18"]
    made = make_cells(experiment, weights={"resnet18": "0123"})
    assert [cell.label for cell in made] == [
        "cxnet_m1 ce seed 0",
        "resnet18 ce seed 0, pretrained",
        "resnet18 ce seed 0",
    ]
    assert key(made[1]) != key(made[2])


def test_layer_decay_is_for_networks_that_start_from_weights() -> None:
    experiment = load_experiment(
        "demo", settings=["models=[cxnet_m1, resnet18]", "model.both=[resnet18]", "losses=[ce]"]
    )
    made = make_cells(experiment, weights={"resnet18": "0123"})[-3:]
    decays = {cell.label: cell.network.train.layer_decay for cell in made}
    assert decays == {
        "cxnet_m1 ce seed 0": 1.0,
        "resnet18 ce seed 0, pretrained": 0.75,
        "resnet18 ce seed 0": 1.0,
    }


def test_the_normalisation_of_a_pretrained_network_is_in_its_key() -> None:
    def pretrained(normalisation: str) -> Cell:
        settings = [f"model.normalisation={normalisation}", "models=[resnet18]", "controls=[]"]
        experiment = load_experiment("demo", settings=settings)
        return make_cells(experiment, weights={"resnet18": "0123"})[0]

    own, data = pretrained("pretrained"), pretrained("data")
    assert own.dotted["model.normalisation"] == "pretrained"
    assert data.dotted["model.normalisation"] == "data"
    assert key(own) != key(data)
    scratch = cells("model.normalisation=data", "controls=[]")[0]
    assert key(scratch) == key(cells("controls=[]")[0])


def test_an_edited_plugin_has_another_key(tiny_plugin: Path) -> None:
    def tiny_key() -> str:
        load_plugin(tiny_plugin)
        try:
            return key(cells("models=[tiny]", "controls=[]")[0])
        finally:
            MODELS.remove("tiny")

    before = tiny_key()
    other = tiny_plugin.with_name("edited.py")
    other.write_text(tiny_plugin.read_text())
    tiny_plugin = other
    assert tiny_key() == before
    other = other.with_name("edited_again.py")
    other.write_text(tiny_plugin.read_text().replace("stride=4", "stride=2"))
    tiny_plugin = other
    assert tiny_key() != before


def test_folder_names_are_safe_and_readable() -> None:
    network = cell("timm:resnet10t.c3_in1k", "sin", seed=3)
    assert network.name == "timm-resnet10t.c3_in1k-sin-s3"
    assert cell("prior").name == "prior-control"
