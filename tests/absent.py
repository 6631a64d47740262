"""What a test wants of the machine and does not find."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(what: str) -> NoReturn:
    """Skip a test for want of a program that ``.ci/run`` installs; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}: CI must not leave this untested")
    pytest.skip(what)
