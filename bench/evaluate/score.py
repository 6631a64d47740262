"""All figures of a run, from its predictions."""

from __future__ import annotations

from bench.evaluate.bootstrap import Resampling
from bench.evaluate.curves import Curves
from bench.evaluate.delong import Components, structural_components
from bench.evaluate.estimate import Estimate
from bench.evaluate.findings import finding_figures
from bench.evaluate.measures import leading
from bench.evaluate.run_scores import LeadingScore, RunScores
from bench.evaluate.sample import Sample
from bench.evaluate.two_classes import two_class_figures
from bench.runs.predictions import Outputs, Predictions
from bench.runs.run import Run


def score_run(run: Run, resampling: Resampling) -> RunScores:
    """All figures of a run on the test part, with its patients resampled.

    Args:
        run: one that finished.
        resampling: shared by all runs that are to be compared.

    Raises:
        InputError: its predictions are gone or damaged.
    """
    predictions, outputs = run.predictions(), run.outputs
    sample = Sample.of(predictions["test"], resampling)
    validation = predictions.get("validation")
    positive, p = sample.positive(), sample.probabilities
    names = outputs.classes
    findings: dict[str, dict[str, Estimate]] = {}
    if outputs.binary:
        figures, confusion = two_class_figures(sample, validation)
        names, positive, p = names[1:], positive[:, 1:], p[:, 1:]
    else:
        figures, findings, confusion = finding_figures(sample, validation, outputs)
    components = None
    if outputs.binary:
        components = Components(
            values=structural_components(positive[:, 0], p[:, 0]),
            positive=positive[:, 0],
            groups=sample.resamples.groups,
        )
    return RunScores(
        leading=LeadingScore(
            figure=figures[leading(outputs)],
            images=sample.digest,
            count=len(p),
            components=components,
        ),
        figures=figures,
        findings=findings,
        confusion=confusion,
        curves={
            name: Curves.of(present, of_output)
            for name, present, of_output in zip(names, positive.T, p.T, strict=True)
            if present.any() and not present.all()
        },
    )


def leading_figure(predictions: Predictions, outputs: Outputs, resampling: Resampling) -> Estimate:
    """The figure that models are compared by, for any test images: AUC, or macro AUC.

    Args:
        predictions: for these images.
        outputs: what they are about.
        resampling: shared by everything that is to be compared.
    """
    sample = Sample.of(predictions, resampling)
    resamples = sample.resamples
    if outputs.binary:
        return resamples.auc(sample.targets == 1, sample.probabilities[:, 1])
    columns = zip(sample.positive().T, sample.probabilities.T, strict=True)
    return resamples.macro([resamples.auc(present, p) for present, p in columns])
