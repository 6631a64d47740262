"""The mechanism behind all three registries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InputError
from bench.registry.core import SNAKE_CASE, Entry, Registry, near_matches


def thing(name: str, description: str = "a thing") -> Entry:
    return Entry(name=name, description=description, target=print)


@pytest.fixture
def things() -> Registry[Entry]:
    registry: Registry[Entry] = Registry("thing")
    for name in ("resnet18", "resnet50", "cxnet_m1"):
        registry.add(thing(name))
    return registry


def test_a_decorator_registers_what_it_decorates(things: Registry[Entry]) -> None:
    def make(width: int) -> int:
        return 2 * width

    decorated = things.decorator(Entry, name="mine", description="my own", source="here")(make)
    assert decorated is make
    assert (things.get("mine").factory(3), things.get("mine").source) == (6, "here")


def test_an_import_string_is_imported_when_it_is_used() -> None:
    entry = Entry(name="root", description="a function of a module", target="math:isqrt")
    assert entry.factory(17) == 4


def test_entries_keep_the_order_of_registration(things: Registry[Entry]) -> None:
    assert [thing.name for thing in things] == ["resnet18", "resnet50", "cxnet_m1"]


def test_a_duplicate_name_is_refused_and_the_first_stays(things: Registry[Entry]) -> None:
    with pytest.raises(InputError, match=r"thing 'cxnet_m1' is registered already \(a thing\)"):
        things.add(thing("cxnet_m1", "another"))
    assert things.get("cxnet_m1").description == "a thing"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnet81", "did you mean resnet18, resnet50?"),
        ("zzz", "known: resnet18, resnet50, cxnet_m1"),
    ],
)
def test_an_unknown_name_lists_near_ones_or_all(
    things: Registry[Entry], name: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        things.get(name)
    assert str(caught.value) == f"unknown thing '{name}': {hint} (your own needs --plugin FILE)"


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ((), ["resnet18", "resnet50", "cxnet_m1"]),
        (("resnet*",), ["resnet18", "resnet50"]),
        (("*50", "cx*"), ["resnet50", "cxnet_m1"]),
        (("vgg*",), []),
    ],
)
def test_shell_patterns(
    things: Registry[Entry], patterns: tuple[str, ...], names: list[str]
) -> None:
    assert [thing.name for thing in things.match(patterns)] == names


@pytest.mark.parametrize("name", ["", "ResNet", "a-b", "1net", "a__b", "_a", "a_", "a b", "ä"])
def test_names_are_snake_case(things: Registry[Entry], name: str) -> None:
    with pytest.raises(InputError, match="is not snake_case"):
        things.add(thing(name))


@pytest.mark.parametrize("description", ["", "  ", "two\nlines"])
def test_a_description_is_one_line(things: Registry[Entry], description: str) -> None:
    with pytest.raises(InputError, match="description of exactly one line"):
        things.add(thing("new", description))


@given(st.text())
def test_any_text_is_either_a_registered_name_or_a_clear_error(text: str) -> None:
    registry: Registry[Entry] = Registry("thing")
    if SNAKE_CASE.fullmatch(text):
        registry.add(thing(text))
        assert registry.get(text).name == text
    else:
        with pytest.raises(InputError):
            registry.add(thing(text))
        with pytest.raises(InputError):
            registry.get(text)


def test_near_matches_finds_parts_of_names() -> None:
    assert near_matches("effusion", ["Pleural_effusion_left", "effusion_x"]) == (
        "did you mean effusion_x, Pleural_effusion_left?"
    )
