"""The model card of a run."""

from bench.card.card import Exported, model_card

__all__ = ["Exported", "model_card"]
