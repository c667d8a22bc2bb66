"""The page that raters see: one file, the same from a server and from a disk."""

import json
from importlib.resources import files
from typing import Any

from sr_cli.mos.presentation import APART
from sr_cli.mos.study import PICTURES, Study

_PLACE = "{{STUDY}}"


def static_page(study: Study) -> str:
    """Build the page that works from a disk and hands its ratings over as a file."""
    return _page(study, served=False)


def served_page(study: Study) -> str:
    """Build the page that sends its ratings to where it came from."""
    return _page(study, served=True)


def _page(study: Study, *, served: bool) -> str:
    told: dict[str, Any] = study.as_dict() | {"served": served, "folder": PICTURES}
    if served:
        told["items"] = len(study.items)  # the server decides their order
    else:
        told["apart"] = APART
    text = json.dumps(told, ensure_ascii=False)
    # Nothing in a text may end the script that holds it.
    text = text.replace("<", "\\u003c")
    template = files("sr_cli.mos").joinpath("rate.html").read_text(encoding="utf-8")
    return template.replace(_PLACE, text)
