"""The paper's hand-made learning-rate decay, made a rule.

The paper divided the learning rate by 2, 5 or 10 "manually through monitoring the loss curve".
Here: divide it when the validation loss has not fallen for ``patience`` validations, and stop
at the plateau after the last decay. The rule is ours; the factors are the paper's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Decision = Literal["improved", "waiting", "decay", "stop"]


@dataclass(kw_only=True)
class PlateauDecay:
    """Decides after each validation whether to go on, decay or stop; its fields are its state.

    Attributes:
        patience: validations without a lower validation loss that make a plateau.
        max_decays: decays before the next plateau ends the training.
        best_loss: lowest validation loss so far.
        waited: validations since it fell, or since the last decay.
        decays: decays so far.
    """

    patience: int
    max_decays: int
    best_loss: float = math.inf
    waited: int = 0
    decays: int = 0

    def update(self, loss: float) -> Decision:
        """Take the newest validation loss and say what follows from it."""
        if loss < self.best_loss:
            self.best_loss = loss
            self.waited = 0
            return "improved"
        self.waited += 1
        if self.waited < self.patience:
            return "waiting"
        self.waited = 0
        if self.decays == self.max_decays:
            return "stop"
        self.decays += 1
        return "decay"
