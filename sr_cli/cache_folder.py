"""Where srup keeps what it can get or find out again."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Return srup's folder in the user's cache, which need not exist."""
    home = os.environ.get("XDG_CACHE_HOME")
    if not home and sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA")
    return (Path(home) if home else Path.home() / ".cache") / "srup"
