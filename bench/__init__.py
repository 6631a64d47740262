"""The harness: one training loop, identical splits, stored predictions, tables people can trust.

The public names are those in ``__all__``. A plugin with a model or a loss needs the decorators
alone. Importing this package loads neither torch nor pandas, so that ``bench --help`` answers at
once.
"""

from bench.errors import InputError
from bench.registry import register_dataset, register_loss, register_model

__version__ = "0.1.0"

# After the version, which the modules behind it record with every run.
from bench.api import load_config, load_model, load_results, plan, run, tune

__all__ = [
    "InputError",
    "load_config",
    "load_model",
    "load_results",
    "plan",
    "register_dataset",
    "register_loss",
    "register_model",
    "run",
    "tune",
    "__version__",
]
