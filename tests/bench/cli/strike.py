"""``bench`` that sends itself a signal at a call of one of its functions; see ``test_signals``.

Arguments: ``module:function``, the number of the call, the signal's number, and those of ``bench``.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any


def strike(target: str, call: int, number: int, arguments: Sequence[object]) -> None:
    """Run ``bench``, which sends its process a signal at a call of a function.

    Args:
        target: the function, as ``module:name``.
        call: number of its call; the first is 1.
        number: of the signal.
        arguments: of ``bench``.
    """
    module, name = target.split(":")
    owner = importlib.import_module(module)
    real, left = getattr(owner, name), call

    def struck(*args: Any, **keywords: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), number)
        return real(*args, **keywords)

    setattr(owner, name, struck)
    sys.argv = ["bench", *map(str, arguments)]
    from bench.cli.main import run

    run()


if __name__ == "__main__":
    strike(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
