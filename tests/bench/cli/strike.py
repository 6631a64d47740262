"""``bench`` that sends itself a signal at a call of one of its functions; see ``test_signals``.

Arguments: ``module:function``, the number of the call, the signal's number, and those of ``bench``.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

if __name__ == "__main__":
    target, call, number, *arguments = sys.argv[1:]
    module, name = target.split(":")
    owner = importlib.import_module(module)
    real, left = getattr(owner, name), int(call)

    def struck(*args: Any, **keywords: Any) -> Any:
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), int(number))
        return real(*args, **keywords)

    setattr(owner, name, struck)
    sys.argv = ["bench", *arguments]
    from bench.cli.main import run

    run()
