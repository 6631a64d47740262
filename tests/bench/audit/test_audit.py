"""The audit of runs on real radiographs: subgroups, net benefit, near-duplicates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.audit.audit import Audit, audit
from bench.audit.decision import net_benefit
from bench.audit.duplicates import difference_hash, near_duplicates
from bench.audit.markdown import audit_markdown, draw_decision_curve
from bench.audit.subgroups import FEWEST, groups
from bench.data.study import study_rows
from bench.errors import InputError
from bench.evaluate.operating_points import OperatingPoints
from bench.events import Event
from bench.runs.run import Run
from bench.runs.store import Store
from tests.bench.export.real_runs import kermany_part, train
from tests.bench.nih_part import part_of_nih
from tests.shared_data import shared


class Silent:
    """Shows nothing."""

    def event(self, event: Event) -> None: ...

    def advance(self, label: str, done: int, total: int) -> None: ...


SILENT = Silent()


def stored(folder: Path) -> Run:
    return Store(folder.parent).run(folder.name)


@pytest.fixture(scope="module")
def nih(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on real images whose source knows sex, age and view."""
    changes = {
        "data.source": "nih",
        "data.options": {},
        "data.split": "patient",
        "data.test_fraction": 0.5,
        "controls": [],
    }
    folder = tmp_path_factory.mktemp("nih")
    root = part_of_nih(folder / "data", every=3)
    return stored(train(root, folder / "runs", **changes))


@pytest.fixture(scope="module")
def found(nih: Run) -> Audit:
    """Its audit."""
    return audit(nih, root=None, progress=SILENT)


def test_subgroups_are_figures_of_their_images_alone(nih: Run, found: Audit) -> None:
    assert found.subgroups.unknown == ()
    everyone, *others = found.subgroups.subgroups
    test, points = (
        nih.predictions()["test"],
        OperatingPoints.choose(nih.predictions()["validation"], nih.outputs),
    )
    assert (everyone.attribute, everyone.images) == ("all", len(test.images))
    for attribute in ("sex", "age", "view", "images a patient"):
        assert sum(each.images for each in others if each.attribute == attribute) == len(
            test.images
        )
    (female,) = [each for each in others if (each.attribute, each.group) == ("sex", "F")]
    labels = pd.read_csv(shared("nih-mini") / "Data_Entry_2017_v2020.csv", index_col="Image Index")
    chosen = (labels.loc[test.images, "Patient Gender"] == "F").to_numpy()
    assert female.images == chosen.sum()
    positive = test.targets[chosen] == 1
    decided = points.decide(test.probabilities)[chosen, 0]
    assert female.patients_with == len(set(test.patients[chosen][positive]))
    assert female.patients_with >= FEWEST
    assert female.sensitivity is not None
    assert female.sensitivity.value == pytest.approx((decided & positive).sum() / positive.sum())
    assert female.specificity is not None
    assert female.specificity.value == pytest.approx(
        (~decided & ~positive).sum() / (~positive).sum()
    )
    assert female.auc is not None
    p = test.probabilities[chosen, 1]
    pairs = p[positive][:, None] - p[~positive][None, :]
    assert female.auc.value == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    for each in found.subgroups.subgroups:
        few = min(each.patients_with, each.patients_without) < FEWEST
        assert (each.auc is None) == few, each
    assert any(each.auc is None for each in others)
    text = audit_markdown([found], image_names=False)
    assert "| too few |" in " ".join(text.split())
    assert "fewer than 10 patients with" in text


def test_groups_of_images() -> None:
    rows = study_rows(
        {
            "image": [f"{number}" for number in range(8)],
            "findings": [()] * 8,
            "patient": ["a", "b", "b", "c", "c", "c", "c", "c"],
            "sex": ["F", "M", "", "M", "M", "M", "M", "M"],
            "age": [17.9, 18.0, 39.9, 40.0, 60.0, 79.9, 80.0, np.nan],
        }
    )
    found = groups(rows)
    assert found["age"].tolist() == [
        "under 18", "18–39", "18–39", "40–59", "60–79", "60–79", "80 and over", "unknown",
    ]  # fmt: skip
    assert found["images a patient"].tolist() == ["1", "2–4", "2–4", *["5 and more"] * 5]
    assert found["sex"].tolist() == ["F", "M", "unknown", *["M"] * 5]
    assert set(found["view"]) == {"unknown"}


def test_net_benefit_by_hand() -> None:
    """Ten images, 4 positive: 3 rightly and 2 wrongly called; at 0.2 the odds are 1 to 4."""
    positive = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
    called = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0], bool)
    assert net_benefit(positive, called, 0.2).mean() == pytest.approx(0.3 - 0.2 * 0.25)
    everyone = np.ones(10, bool)
    assert net_benefit(positive, everyone, 0.2).mean() == pytest.approx(0.4 - 0.6 * 0.25)
    assert net_benefit(positive, ~everyone, 0.2).mean() == 0.0


def test_the_decision_curve_of_a_run(nih: Run, found: Audit) -> None:
    curve = found.decision
    assert curve is not None
    test = nih.predictions()["test"]
    points = OperatingPoints.choose(nih.predictions()["validation"], nih.outputs)
    p = points.calibrated(test.probabilities)[:, 1] if curve.calibrated else None
    assert p is not None
    positive = test.targets == 1
    (half,) = [point for point in curve.points if point.threshold == 0.5]
    called = p >= 0.5
    wanted = ((called & positive).sum() - (called & ~positive).sum()) / len(p)
    assert half.model.value == pytest.approx(wanted)
    assert half.treat_all == pytest.approx(2.0 * positive.mean() - 1.0)
    assert half.over_all.value == pytest.approx(wanted - half.treat_all)
    assert half.model.low <= half.model.value <= half.model.high
    assert all(point.treat_all < 0.0 for point in curve.points if point.threshold > positive.mean())
    assert draw_decision_curve(curve, format="png").startswith(b"\x89PNG")


def test_the_hash_by_hand() -> None:
    rising = np.tile(np.arange(17, dtype=np.uint8) * 10, (17, 1))[:16]
    square = np.repeat(np.repeat(rising, 16, axis=0), 16, axis=1)  # 17 columns of 16 pixels
    assert [int(word) for word in np.bitwise_count(difference_hash(square))] == [64] * 4
    assert int(np.bitwise_count(difference_hash(square[:, ::-1].copy())).sum()) == 0
    flat = np.full((64, 64), 90, np.uint8)
    assert int(np.bitwise_count(difference_hash(flat)).sum()) == 0


def test_a_recompressed_image_is_a_near_duplicate_and_its_mirror_is_not(tmp_path: Path) -> None:
    """Real radiographs: one again as a poor JPEG a shade darker, one mirrored."""
    paths = sorted((shared("kermany") / "images").iterdir())[:40]
    originals = [Image.open(path).convert("L").resize((64, 64)) for path in paths]
    originals[0].point(lambda value: value * 0.9).save(tmp_path / "again.jpg", quality=60)
    images = [
        *originals,
        Image.open(tmp_path / "again.jpg"),
        originals[1].transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        originals[2],
    ]
    pixels = np.stack([np.asarray(image) for image in images])
    rows = pd.DataFrame(
        {
            "image": [f"i{number}" for number in range(43)],
            "patient": [*[f"p{number}" for number in range(40)], "x", "x", "p2"],
            "digest": [*[f"d{number}" for number in range(40)], "x", "y", "d2"],
            "pixel_row": np.arange(43),
        }
    )
    parts = {"train": np.arange(40), "test": np.arange(40, 43)}
    (found,) = near_duplicates(rows, pixels, parts, progress=lambda *_: None)
    assert [(later, earlier) for later, earlier, _ in found.pairs] == [("i40", "i0"), ("i42", "i2")]
    assert found.pairs[1][2] == 0
    assert (found.images, found.identical, found.other_patient) == (2, 1, 1)


def test_leaked_images_are_counted_and_named_on_request(tmp_path: Path) -> None:
    """The same radiographs twice under other names, split by image."""
    data = kermany_part(tmp_path / "data", images=80)
    lines = (data / "manifest.csv").read_text().splitlines()
    real = (data / "images").resolve()
    (data / "copies").mkdir()
    for line in lines[1:41]:
        name = Path(line.split(",")[0]).name
        Image.open(real / name).save(data / "copies" / name, quality=70)
        lines.append(line.replace("images/", "copies/"))
    (data / "manifest.csv").write_text("\n".join(lines) + "\n")
    run = stored(train(data, tmp_path / "runs", **{"data.split": "image", "controls": []}))
    found = audit(run, root=None, progress=SILENT)
    assert found.duplicates is not None
    (leaked,) = [d for d in found.duplicates if (d.earlier, d.later) == ("train", "test")]
    assert leaked.images >= 5
    assert leaked.identical == leaked.other_patient == 0
    assert found.subgroups.unknown == ("sex", "age", "view")
    assert "copies/" not in audit_markdown([found], image_names=False)
    assert "copies/" in audit_markdown([found], image_names=True)
    assert f"| test in train | {leaked.images} | 0 | 0 |" in audit_markdown(
        [found], image_names=False
    )
    other = kermany_part(tmp_path / "other", images=60)
    with pytest.raises(
        InputError, match=r"are not these: the fingerprint was .*; --data gives another"
    ):
        audit(run, root=other, progress=SILENT)
    with pytest.raises(InputError, match="nowhere' is not there"):
        audit(run, root=tmp_path / "nowhere", progress=SILENT)
