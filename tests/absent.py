"""A test skips where the machine lacks a thing; in CI it fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from baselines.packages import INSTALL, PACKAGES


def absent(what: str) -> NoReturn:
    """Skip a test for want of a program that ``.ci/run`` installs; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}: CI must not leave this untested")
    pytest.skip(what)


def packaged_weights(name: str) -> Path:
    """The file of a network's package of weights; the test extra brings the smallest alone."""
    path = PACKAGES[name].find()
    if path is not None:
        return path
    if name == "tf_efficientnet_lite0":
        absent(f"{PACKAGES[name].distribution} is not installed")
    pytest.skip(f"{PACKAGES[name].distribution} is not installed: {INSTALL}")
