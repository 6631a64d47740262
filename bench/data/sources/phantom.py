"""The embedded default data set: synthetic frontal chest radiographs, made on the fly."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from bench.data.phantom.cohort import draw_cohort
from bench.data.phantom.render import PhantomReader
from bench.data.study import NIH_FINDINGS, StudyTable, study_rows
from bench.registry import register_dataset
from bench.registry.options import SourceOptions


class PhantomOptions(SourceOptions):
    """``data.options`` of the phantom."""

    images: int = Field(default=2000, ge=1, le=1_000_000)
    """Number of images; a smaller cohort is the beginning of a larger one."""
    seed: int = Field(default=0, ge=0)
    """Seed of the cohort."""


@register_dataset(
    "phantom",
    description="synthetic chest radiographs made on the fly (no clinical meaning)",
    options_model=PhantomOptions,
    needs_root=False,
)
def open_phantom(
    *,
    root: Path | None,  # noqa: ARG001 - every source is called alike
    image_size: int,
    options: PhantomOptions,
) -> StudyTable:
    """The study table of a synthetic cohort; nothing is read."""
    visits = draw_cohort(images=options.images, seed=options.seed)
    rows = study_rows(
        {
            "image": [visit.image for visit in visits],
            "patient": [visit.patient_id for visit in visits],
            "findings": [visit.reported for visit in visits],
            "view": [visit.view for visit in visits],
            "sex": [visit.sex for visit in visits],
            "age": [visit.age for visit in visits],
            "follow_up": [visit.follow_up for visit in visits],
            "given_split": [visit.split for visit in visits],
        }
    )
    return StudyTable(
        name="phantom",
        rows=rows,
        finding_names=NIH_FINDINGS,
        reader=PhantomReader(visits, seed=options.seed, size=image_size),
        notes=("synthetic radiographs of no clinical meaning",),
    )
