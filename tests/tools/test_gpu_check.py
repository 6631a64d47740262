"""The GPU check on a CPU: each part in short, and what becomes of parts that go wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.registry import MODELS
from bench.registry.plugins import load_plugin
from bench.speed.against import Comparison
from bench.speed.repeats import Repeats
from bench.speed.run import Machine
from bench.train import Training, pace
from bench.train.graph import GraphedStep
from bench.train.step import Step
from tools.gpu_check import __main__ as script
from tools.gpu_check import correctness, levers, rates, trainings
from tools.gpu_check.material import CPU, largest_relative, recorded_however_short
from tools.gpu_check.profile import profile_steps

SMALL = ("mobilenetv3_small_100",)
TINY_BLOCK = 0.01
CUDA = torch.device("cuda")


def stored(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def part(found: dict[str, Any], *, seconds: float = 0.0, cuda_only: bool = False) -> script.Part:
    return script.Part(run=lambda _: found, seconds=seconds, cuda_only=cuda_only)


def run(
    parts: dict[str, script.Part], folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str
) -> tuple[int, dict[str, Any]]:
    monkeypatch.setattr(script, "PARTS", parts)
    code = script.main([str(folder), "--device", "cpu", *words])
    return code, stored(folder / "summary.json")["parts"]


def test_all_is_well_where_nothing_failed_though_a_part_needs_cuda(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {"one": part({"x": (1.5, None)}), "two": part({}, cuda_only=True)}
    code, states = run(parts, tmp_path / "new", monkeypatch)
    assert code == 0
    assert states["one"]["state"] == "done"
    assert states["two"] == {"state": "left out", "why": "it needs CUDA"}
    assert stored(tmp_path / "new" / "one.json") == {"x": [1.5, None], "failed": []}
    assert not (tmp_path / "new" / "two.json").exists()
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "two: left out (it needs CUDA)",
        "all is well",
    ]


def test_a_failed_check_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {"one": part({"failed": ["too slow"]}), "two": part({})}
    code, states = run(parts, tmp_path, monkeypatch)
    assert code == 1
    assert [each["state"] for each in states.values()] == ["failed", "done"]
    assert capsys.readouterr().out.splitlines()[-1] == "not done: one"


def test_numbers_that_are_none_fail_and_are_written_as_null(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = {"m": {"losses": [0.5, math.nan, math.inf, -math.inf, math.nan]}}
    code, states = run({"one": part(losses), "two": part({})}, tmp_path, monkeypatch)
    assert code == 1
    line = "not finite: m/losses/1 is nan, m/losses/2 is inf, m/losses/3 is -inf and 1 more"
    assert states["one"]["failed"] == [line]
    assert states["two"]["state"] == "done"
    assert stored(tmp_path / "one.json") == {
        "m": {"losses": [0.5, None, None, None, None]},
        "failed": [line],
    }


@pytest.mark.parametrize("found", [{"x": object()}, None], ids=["no JSON value", "no object"])
def test_a_part_that_breaks_leaves_its_traceback(
    found: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, states = run({"one": part(found), "two": part({})}, tmp_path, monkeypatch)
    assert code == 1
    assert [each["state"] for each in states.values()] == ["failed", "done"]
    assert "Error" in states["one"]["failed"][0]
    assert "Traceback" in (tmp_path / "one.error.txt").read_text(encoding="utf-8")


def test_a_part_begins_only_where_its_time_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {"long": part({}, seconds=3600), "short": part({})}
    code, states = run(parts, tmp_path, monkeypatch, "--minutes", "59")
    assert code == 1
    assert states["long"]["state"] == "late"
    assert states["long"]["why"].startswith("it takes up to 3600 s, and 35")
    assert states["short"]["state"] == "done"


def test_the_real_parts_fit_and_the_ones_asked_for_run(tmp_path: Path) -> None:
    assert sum(part.seconds for part in script.PARTS.values()) <= 60 * script.MINUTES < 60 * 9
    assert list(script.PARTS)[-2:] == ["profile", "compiled"]
    words = [str(tmp_path), "--device", "cpu", "--part", "placements", "--part", "against_eager"]
    assert script.main(words) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"placements.json", "summary.json"}
    assert stored(tmp_path / "placements.json")["largest_difference_from_cpu"] == 0.0


@pytest.fixture
def tiny(tiny_plugin: Path) -> Iterator[str]:
    """A registered network that takes no time."""
    load_plugin(tiny_plugin)
    yield "tiny"
    MODELS.remove("tiny")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main([str(tmp_path / "new")]) == 2
    assert "no CUDA device" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_nan_hides_behind_nothing() -> None:
    assert largest_relative([2.0, 4.0], [2.0, 5.0]) == 0.25
    assert math.isnan(largest_relative([1.0, 1.0, 1.0], [1.5, math.nan, 1.0]))
    losses = {"plain": [1.0, 1.0], "plain_again": [1.0, 1.0], "other": [1.0, math.nan]}
    assert correctness._judge(losses, "other", held=1)["failed"] is None
    assert correctness._judge(losses, "other", held=2)["failed"] is not None


def test_as_much_is_allowed_as_plain_steps_differ_by() -> None:
    losses = {"plain": [1.0], "plain_again": [1.1], "near": [1.29], "far": [1.31]}
    assert correctness._judge(losses, "near", held=1)["failed"] is None
    assert correctness._judge(losses, "far", held=1)["failed"] is not None


def test_recording_is_as_it_was_afterwards() -> None:
    before = pace.WORTH_SECONDS
    with recorded_however_short():
        assert pace.WORTH_SECONDS == 0.0
    assert pace.WORTH_SECONDS == before > 0.0


def test_graphs_are_recorded_twice_and_hold_what_is_replayed(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[Callable[[], Tensor]] = []

    def run_again(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        recorded.append(function)
        return function

    monkeypatch.setattr(correctness, "_run_again", run_again)
    found = correctness.graphs(CPU, models=(tiny,))
    assert found["failed"] == []
    assert len(recorded) == 2 * 2  # precisions, rates
    one = found["tiny float32"]
    assert one["plain"] == one["plain_again"] == one["replayed"]

    assert one["moved_after_the_decay"] == 1.0

    monkeypatch.setattr(correctness, "_run_again", lambda function: lambda: 1.1 * function())
    (float32, bfloat16) = correctness.graphs(CPU, models=(tiny,))["failed"]
    assert float32 == "tiny float32: losses are 0.1 off the plain steps'"
    assert bfloat16.startswith("tiny bfloat16: losses are 0.1")


def test_a_graph_that_keeps_the_old_rate_is_found(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GraphedStep, "is_outdated", False)
    optimizers: list[torch.optim.Optimizer] = []
    make = correctness.make_step

    def noted(*args: object, **kwargs: object) -> Step:
        step = make(*args, **kwargs)  # type: ignore[arg-type]
        optimizers.append(step.optimizer)
        return step

    def with_the_rate_of_now(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        (group,) = optimizers[-1].param_groups
        rate = group["lr"]

        def replay() -> Tensor:
            now, group["lr"] = group["lr"], rate
            loss = function()
            group["lr"] = now
            return loss

        return replay

    monkeypatch.setattr(correctness, "make_step", noted)
    monkeypatch.setattr(correctness, "_run_again", with_the_rate_of_now)
    failed = correctness.graphs(CPU, models=(tiny,))["failed"]
    assert len(failed) == 2
    assert all("after the decay weights move" in reason for reason in failed)


def test_precision_is_held_against_the_cpu(tiny: str) -> None:
    found = correctness.precision(CPU, models=(tiny,))
    assert found["failed"] == []
    assert found["tiny float32"]["largest_relative_difference"] == 0.0
    assert found["tiny bfloat16"]["largest_relative_difference"] > 0.0


def test_a_compiled_network_is_held_against_the_cpu_and_its_dropout_against_itself(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.compile", lambda network, **_: network)
    found = correctness.compiling(CPU, model=tiny)
    assert found["failed"] == []
    assert found["float32"]["largest_relative_difference"] == 0.0
    same, again, *others = found["masks"]
    assert same == again not in others

    monkeypatch.setattr(correctness, "_run_again", lambda function: lambda: 0 * function())
    float32, bfloat16, masks = correctness.compiling(CPU, model=tiny)["failed"]
    assert float32 == "float32: losses are 1 off the CPU's"
    assert bfloat16 == "bfloat16: losses are 1 off the CPU's"
    assert masks == "a step's dropout is not that of its number"


def test_a_refused_recording_changes_nothing() -> None:
    def refuse(_: Callable[[], Tensor]) -> Callable[[], Tensor]:
        raise RuntimeError("not permitted when stream is capturing")

    found = correctness.refusal(CPU, record=refuse)
    assert found["failed"] == []
    assert found["plain"] == found["refused"]
    assert found["notes"] == [
        "steps are not replayed from a CUDA graph: RuntimeError: not permitted when stream is "
        "capturing"
    ]


def test_a_recording_that_should_have_been_refused_fails() -> None:
    found = correctness.refusal(CPU, record=lambda function: function)
    assert found["failed"] == ["its step was not refused"]


def phantom(model: str) -> dict[str, Any]:
    return trainings.phantom(CPU, model=model, images=240, iterations=8, seeds=2)


def test_trainings_are_held_within_their_tolerances(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainings, "AUC", 1.0)
    monkeypatch.setattr(trainings, "MEAN_AUC", 1.0)
    found = phantom(tiny)
    assert found["failed"] == []
    reference = found["cpu float32"]
    assert reference["above_cpu_float32"] == 0.0
    for row in reference["seeds"]:
        assert row["auc"] == row["same_weights_float32_cpu"]
        assert len(row["decisions"]) == trainings.VALIDATIONS
        assert row["capture_seconds"] == 0.0
    one, two = (row["auc"] for row in reference["seeds"])
    assert one != two
    assert reference["mean_auc"] == (one + two) / 2
    assert list(found)[-1] == "cpu bfloat16"


def test_trainings_beyond_their_tolerances_fail(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainings, "AUC", -1.0)
    monkeypatch.setattr(trainings, "MEAN_AUC", -1.0)
    found = phantom(tiny)
    kinds = [line.partition(": ")[0] for line in found["failed"]]
    assert kinds == [
        f"{name}{of}"
        for name in ("cpu float32", "cpu bfloat16")
        for of in (", seed 0", ", seed 1", "")
    ]


TIMED = "steps are replayed from a CUDA graph: 1.00 ms each instead of 2.00 ms; …"
SLOWER = "steps are not replayed from a CUDA graph: 2.00 ms each instead of 1.00 ms"
REFUSED = "steps are not replayed from a CUDA graph: out of memory"


@pytest.mark.parametrize(
    ("capture_seconds", "notes", "reasons"),
    [
        (0.5, [TIMED], []),
        (0.5, [SLOWER], []),
        (0.0, [], ["nothing was recorded"]),
        (0.5, [REFUSED], [REFUSED]),
        (0.5, [TIMED, REFUSED], [REFUSED]),
        (0.5, ["out of memory"], ["no replayed step was timed"]),
    ],
)
def test_a_training_on_a_gpu_must_have_tried_a_graph(
    capture_seconds: float, notes: list[str], reasons: list[str]
) -> None:
    done = Training(
        history=(),
        best_iteration=1,
        best_auc=0.5,
        iterations=1,
        train_seconds=1.0,
        capture_seconds=capture_seconds,
        compile_seconds=0.0,
        micro_batch=None,
    )
    assert trainings._not_recorded(done, notes) == reasons


def comparison(model: str, *ratios: float) -> Comparison:
    return Comparison(
        model=model,
        rival="bare",
        precision="bfloat16",
        steps=10,
        harness=Repeats(tuple(100 * ratio for ratio in ratios)),
        other=Repeats((100.0,) * len(ratios)),
    )


@pytest.mark.parametrize(("device", "judged"), [(CUDA, True), (CPU, False)], ids=["cuda", "cpu"])
def test_medians_are_judged_on_a_gpu_and_printed_everywhere(
    device: torch.device,
    judged: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = {
        "fast": comparison("fast", 0.9, 0.97, 1.5),
        "slow": comparison("slow", 0.9, 0.96, 1.5),
        "looked_at": comparison("looked_at", 0.5),
    }
    machine = Machine(
        environment={},
        precision="bfloat16",
        memory_format="channels_last",
        ceilings=None,
        given=False,
    )
    monkeypatch.setattr(rates, "describe", lambda _: machine)
    monkeypatch.setattr(rates, "compare", lambda case, **_: found[case.model])
    least = {"fast": 0.97, "slow": 0.97, "looked_at": 0.0, "unknown": 0.97}
    figures = rates.against(device, least=least, rival="bare")
    slow = ["slow: 0.960 (0.900 to 1.500) of bare's rate, less than 0.97"] if judged else []
    assert figures["failed"] == ["unknown: KeyError: 'unknown'", *slow]
    assert figures["models"][1]["ratio"]["median"] == pytest.approx(0.96)
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["fast", "0.970"], ["slow", "0.960"], ["looked_at", "0.500"],
    ]  # fmt: skip


def test_the_rates_have_their_figures() -> None:
    found = rates.against(CPU, least={SMALL[0]: 0.97}, rival="bare", seconds=TINY_BLOCK)
    assert found["failed"] == []
    assert len(found["models"][0]["ratio"]["repeats"]) == rates.ROUNDS
    found = rates.table(CPU, models=(*SMALL, "no_such_network"), seconds=TINY_BLOCK)
    (failed,) = found["failed"]
    assert failed.startswith("no_such_network: ")
    assert found["models"][0]["training"]["median"] > 0.0
    script.finite(found)


def test_levers_are_put_back_and_compared() -> None:
    before = (torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision())
    with levers._cudnn_benchmark(), levers._tf32_products():
        assert (torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()) == (
            True,
            "high",
        )
    found = levers.levers(CPU, models=(*SMALL, "no_such_network"), seconds=TINY_BLOCK)
    assert (torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()) == before
    assert [row["lever"] for row in found["models"]] == [
        "cudnn.benchmark",
        "float32_matmul_precision high",
    ]
    for row in found["models"]:
        pairs = zip(row["off"]["repeats"], row["on"]["repeats"], strict=True)
        assert row["ratio"]["repeats"] == [off / on for off, on in pairs]
    assert len(found["failed"]) == 2


def test_compiling_is_what_the_first_step_took_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.compile", lambda network, **_: network)
    found = levers.compiled(CPU, models=(*SMALL, "no_such_network"), seconds=TINY_BLOCK)
    (row,) = found["models"]
    assert row["compile_seconds"] == pytest.approx(
        row["first_step_seconds"]["compiled"] - row["step_seconds"]["plain"]["median"]
    )
    assert len(found["failed"]) == 1


def test_a_profile_lists_what_takes_longest() -> None:
    found = profile_steps(CPU, models=SMALL)["a_step_of"][SMALL[0]]
    assert list(found) == ["plain"]  # nothing is replayed on a CPU
    assert found["plain"]["busy_us"] is None
    times = [row["host_us"] for row in found["plain"]["longest"]]
    assert times == sorted(times, reverse=True)
    assert times[0] > 0
