"""A headless Chromium for tests, where one is installed."""

import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def open_browser(profile):
    """Return a driver with its profile in a folder; skip the test without a browser."""
    webdriver = pytest.importorskip("selenium.webdriver")
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("needs chromium and chromedriver, which are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--window-size=900,700",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    return webdriver.Chrome(options=options, service=service)


def prefer(browser, scheme):
    """Let the reader's system be light or dark."""
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )


def console_errors(browser):
    """Return what the console has said of errors since it was last asked."""
    return [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
