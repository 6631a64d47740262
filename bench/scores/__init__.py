"""All figures of a run, with what they would have been for other patients."""

from bench.scores.run_scores import Curves, Placements, RunScores
from bench.scores.score import score_run
from bench.scores.scorer import Scorer

__all__ = ["Curves", "Placements", "RunScores", "Scorer", "score_run"]
