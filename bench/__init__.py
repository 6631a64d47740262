"""The harness: one training loop, identical splits, stored predictions, tables people can trust.

The public names are those in ``__all__``; a plugin with a model or a loss needs nothing else.
Importing this package loads neither torch nor timm, so that ``bench --help`` answers at once.
"""

from bench.errors import InputError
from bench.registry import register_dataset, register_loss, register_model

__version__ = "0.1.0"

__all__ = ["InputError", "register_dataset", "register_loss", "register_model", "__version__"]
