"""Pages opened in headless Chromium."""

import os
import shutil
import subprocess
from pathlib import Path

FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
)


def find() -> str | None:
    """Path of a Chromium, None where there is none."""
    return next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


def opened(page: Path, profile: Path, *flags: str) -> tuple[str, list[str]]:
    """A page's DOM once its scripts have run, and what its console said.

    Args:
        page: the HTML file.
        profile: an empty folder.
        flags: further ones of Chromium.
    """
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    command = [
        find() or "",
        *FLAGS,
        *flags,
        *root,
        f"--user-data-dir={profile}",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
