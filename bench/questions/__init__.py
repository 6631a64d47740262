"""From stored runs to the answers of an experiment's question."""

from bench.questions.answers import (
    Answer,
    Comparison,
    ContextScores,
    FactorAnswer,
    Interaction,
    Score,
)
from bench.questions.design import NOT_APPLICABLE
from bench.questions.effects import answer_questions

__all__ = [
    "Answer",
    "Comparison",
    "ContextScores",
    "FactorAnswer",
    "Interaction",
    "NOT_APPLICABLE",
    "Score",
    "answer_questions",
]
