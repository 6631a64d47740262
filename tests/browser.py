"""A real browser for tests of pages: Debian's ``chromium`` and its driver, without a window."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.absent import absent

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
# It runs as root in CI, and has no business on the network.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)


class Browser:
    """A browser with what tests of pages ask of it; ``driver`` is selenium's."""

    def __init__(self, profile: Path) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))

    def open(
        self, page: Path, *, width: int = 1280, dark: bool = False, paper: bool = False
    ) -> None:
        """Open a file in a window of a width, as it is on a light or dark screen, or on paper."""
        self._command("Emulation.clearDeviceMetricsOverride")
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            # What glides is not yet where it is clicked.
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self._command(
            "Emulation.setEmulatedMedia", media="print" if paper else "", features=features
        )
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        for name in ("browser", "performance"):
            self.driver.get_log(name)  # what was open before is not asked about
        self.driver.get(page.as_uri())

    def ask(self, script: str, *arguments: Any) -> Any:
        """The value that the body of a JavaScript function returns."""
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """Messages of the console, since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the page was opened; data in it is none."""
        messages = (
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        )
        sent = (
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        )
        return [url for url in sent if not url.startswith("data:")]

    def pdf(self) -> bytes:
        """The page as it is printed."""
        printed = self._command("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        return base64.b64decode(printed["data"])

    def _command(self, name: str, **parameters: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, parameters)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with a profile of its own, started once for a module."""
    missing = _missing()
    if missing:
        absent(missing)
    started = Browser(tmp_path_factory.mktemp("profile"))
    try:
        yield started
    finally:
        started.driver.quit()


def _missing() -> str:
    gone = [str(path) for path in (CHROMIUM, DRIVER) if not path.is_file()]
    if gone:
        return f"no {' and no '.join(gone)} (Debian: apt install chromium chromium-driver)"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed"
    return ""
