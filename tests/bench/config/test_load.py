"""From names, files and ``--set`` to an experiment."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.config import Experiment, expand, keys_of, load_experiment, shipped_folder, shipped_names
from bench.config.vary import levels_of
from bench.errors import InputError
from bench.registry import LOSSES, find_model

QUESTIONS = ["kernels", "leakage", "loss_vs_architecture", "more_data", "resolution"]


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_config_loads_and_bears_its_file_name(name: str) -> None:
    experiment = load_experiment(name)
    assert experiment.name == name
    assert "\n" not in experiment.description
    assert all(key.meaning for key in keys_of(experiment))  # as `bench config show` lists them
    for one in expand(experiment):
        for model in one.models:
            find_model(model).check_image_size(one.data.image_size)
        for loss in one.losses:
            LOSSES.get(loss)


def test_the_shipped_experiments() -> None:
    data = ["demo", "dicom", "folders", "manifest", "medmnist"]
    data += ["nih_image", "nih_official", "nih_patient"]
    paper = [f"paper_run{number}" for number in (1, 2, 3, 4)]
    small = [f"{name}_small" for name in QUESTIONS]
    assert shipped_names() == sorted([*data, *paper, *QUESTIONS, *small])


def test_nih_official_has_what_the_paper_states() -> None:
    experiment = load_experiment("nih_official")
    assert experiment.data.split == "official"
    assert experiment.data.image_size == 224
    assert (experiment.train.lr, experiment.train.batch_size) == (0.01, 32)
    assert experiment.train.validate_every == 3000
    assert experiment.train.decay_factor in (2, 5, 10)
    assert {"ce", "sin"} <= set(experiment.losses)


def test_settings_apply_in_order_and_changes_last() -> None:
    experiment = load_experiment(
        "demo",
        settings=["train.lr=0.5", "train.lr=2e-1", "model.options.cxnet_m1.dropout=0.3"],
        changes={"data.root": Path("x")},
    )
    assert experiment.train.lr == 0.2
    assert experiment.model.options == {"cxnet_m1": {"dropout": 0.3}}
    assert experiment.data.root == Path("x")


def test_an_experiment_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_experiment("demo").train.lr = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.lrr=1", "unknown key 'train.lrr': did you mean lr?"),
        ("data.sizes={trian: 5}", "unknown key 'data.sizes.trian': did you mean train?"),
        ("trian.lr=1", "unknown key 'trian': did you mean train?"),
        ("train.lr=-1", "train.lr: Input should be greater than 0, not -1"),
        ("train.lr=fast", "train.lr: Input should be a valid number"),
        ("data.split=pateint", "data.split: Input should be 'official', 'patient'"),
        ("data.image_size=4", "data.image_size: Input should be greater than or equal to 8"),
        ("data.on_bad=ignore", "data.on_bad: Input should be 'refuse' or 'skip'"),
        ("train.nesterov=true,", "train.nesterov: Input should be a valid boolean"),
        ("seeds=[1, 1]", "seeds: 1 given more than once"),
        ("model.options=[[]]", "model.options: name the model first"),
        ("models=[]", "models: Tuple should have at least 1 item"),
        ("data.test_fraction=0.9", "data: validation_fraction and test_fraction leave nothing"),
        ("name=a-b", "name: 'a-b' is not snake_case"),
    ],
)
def test_a_wrong_key_or_value_is_one_line(setting: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_experiment("demo", settings=[setting])
    assert str(caught.value).startswith(f"config demo.yaml: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [*",;|:[{*&%@>-#?'!", "no", "007", "1e3", "1.0", "true", "a: b", "- a", "[a", "2024-13-45"],
)
def test_a_text_is_taken_as_typed(text: str) -> None:
    """Texts are taken where the key takes texts; the data source says which of its options do."""
    for typed in (text, f' "{text}" '):
        keys = [f"data.options.{key}" for key in ("label_column", "patient_column")]
        settings = [*(f"{key}={typed}" for key in keys), "data.source=manifest"]
        options = load_experiment("demo", settings=settings).data.options
        assert (options["label_column"], options["patient_column"]) == (text, text)
    root = load_experiment("demo", settings=[f"data.root={text}"]).data.root
    assert root == Path(text)


def test_texts_in_a_list_are_taken_as_typed_and_null_is_none() -> None:
    def options(*settings: str) -> dict[str, object]:
        return load_experiment("manifest", settings=settings).data.options

    assert options("data.options.findings=[0, no, 007, '1']")["findings"] == ["0", "no", "007", "1"]
    assert options("data.options.findings=null")["findings"] is None
    assert options("data.options.patient_column=~")["patient_column"] is None
    assert options("data.options.label_column=null")["label_column"] == "null"
    assert options('data.options.label_separator=" "')["label_separator"] == " "
    # A source that nobody registered is refused later, by its name.
    settings = ["data.source=x", "data.options={a: 1}"]
    assert load_experiment("demo", settings=settings).data.options == {"a": 1}


@pytest.mark.parametrize("setting", ["train.lr", "=1", "  =2", "name=", "train.lr= "])
def test_a_setting_without_key_or_value(setting: str) -> None:
    with pytest.raises(InputError, match=r"KEY=VALUE|has no value: write null"):
        load_experiment("demo", settings=[setting])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["train.nesterov=true", "train.momentum=0"], "train: nesterov needs a momentum above 0"),
        (["model.policy=head", "model.both=[]"], "model: policy head would freeze random weights"),
        (["train.nesterov=true", "train.optimizer=adamw"], "train: nesterov is an option of sgd"),
        (["train.lr.x=1"], "'lr' holds a value, not further keys"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_experiment("demo", settings=settings)


@pytest.mark.parametrize(
    "setting",
    ["timm:resnet18.a1_in1k.rate=1", "timm:resnet18.a1_in1k={rate: 1}", "timm:resnet18.rate=1"],
)
def test_options_of_a_network_whose_name_has_a_dot_reach_it(setting: str) -> None:
    model = "timm:resnet18.a1_in1k" if "a1" in setting else "timm:resnet18"
    experiment = load_experiment("demo", settings=[f"model.options.{setting}"])
    assert experiment.model.options == {model: {"rate": 1}}


def test_an_option_of_a_network_whose_name_has_a_dot_can_be_varied() -> None:
    key = "model.options.timm:resnet18.a1_in1k.rate"
    experiment = load_experiment("demo", settings=[f"vary.{key}=[1, 2]"])
    first, second = expand(experiment)
    assert second.model.options == {"timm:resnet18.a1_in1k": {"rate": 2}}
    assert levels_of(experiment, first) == {key: 1}


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown config 'nih_offical': did you mean nih_offic"):
        load_experiment("nih_offical")
    with pytest.raises(InputError, match=r"config file '.*mine\.yaml' is not there"):
        load_experiment(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [1,", "is not valid YAML at line"),
        ("name: mine\ntrain:\n  lr: 1\n  lr: 2\n", "at line 4: key 'lr' is given twice"),
        ("", "is empty or no mapping"),
        ("- 1\n- 2\n", "is empty or no mapping"),
        ("a: 1\n[b, c]: 2\n", "at line 2: a key is a list or a mapping"),
        ("? {a: 1}\n: 2\n", "at line 1: a key is a list or a mapping"),
        ("a: " + "[" * 900 + "]" * 900, "brackets or aliases are nested too deep"),
        ("name: x\nvary: &levels {train: *levels}\n", "a value holds itself by an alias"),
        ("a: !!int x\n", "a value is not of its tag's type"),
        ("a: !!float\n", "a value is not of its tag's type"),
        ("name: 2024-13-45\n", "name: '2024-13-45' is not snake_case"),
        ("name: x\n", "key 'description' is required"),
        ("name: x\ndescription: y\ndata: 3\nmodels: [a]\nlosses: [ce]\n", "data: Input should be"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        load_experiment(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


OWN = (
    "name: mine\ndescription: my images\ndata: {source: manifest}\n"
    "models: [cxnet_m1]\nlosses: [sin]\n"
)
# Signs and words that mean something to YAML or to a config.
PIECES = st.sampled_from(
    ["[", "]", "{", "}", ": ", "- ", "? ", "!!int ", "!!float ", "!!binary ", "!!omap ", "&a ",
     "*a", "<<: *a", "|", "'", "#", "%YAML 9.9\n", "---\n", "\n", "\n  ", "\t", "\0", "\x85", "~",
     ".nan", "1e999", "1:60", "2024-13-45", "name: x\n", "train:\n  lr: ", "vary: ", "models: ",
     "model:\n  options: ", "seeds: ", "question: ", "data:\n  options: ", "train.lr: "]
)  # fmt: skip


@given(
    pieces=st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=12),
    key=st.sampled_from(["train.lr", "model.options", "data.options", "vary", "seeds"]),
)
def test_no_text_of_a_config_or_a_setting_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], key: str
) -> None:
    text = "".join(pieces)
    path = tmp_path_factory.getbasetemp() / "mine.yaml"
    for content in (text, f"{OWN}{text}", OWN):
        path.write_bytes(content.encode())
        with suppress(InputError):
            expand(load_experiment(path))
    with suppress(InputError):
        expand(load_experiment(path, settings=[f"{key}={text}"]))


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OWN)
    experiment = load_experiment(path)
    assert isinstance(experiment, Experiment)
    assert experiment.data.source == "manifest"
    assert experiment.seeds == (0,)


def test_numbers_with_an_exponent_are_numbers(tmp_path: Path) -> None:
    # YAML 1.1 takes 1e-3 for a text: as a level it would be another than 0.001.
    demo = (shipped_folder() / "demo.yaml").read_text("utf-8")
    (tmp_path / "mine.yaml").write_text(demo + "vary: {train.lr: [1e-3, 2.5E-2]}\n")
    assert load_experiment(tmp_path / "mine.yaml").vary == {"train.lr": (0.001, 0.025)}
    varied = load_experiment("demo", settings=["vary.train.lr=[1e-3, -1e+3, 0.01]"])
    assert varied.vary["train.lr"] == (0.001, -1000.0, 0.01)
    with pytest.raises(InputError):
        expand(load_experiment("demo", settings=["vary.train.lr=[1e-3, 0.001]"]))
