"""Many files in, larger files out: plan first, run second, and never twice.

find ─▶ plan ─▶ run
          ▲      │
          └ journal
"""

from sr_cli.batch.folder import Folder, open_folder, read_folder
from sr_cli.batch.inputs import SUFFIXES, Input, Request, find
from sr_cli.batch.layout import Place, Records, lay_out
from sr_cli.batch.naming import SAME, Naming
from sr_cli.batch.plan import Step, Verdict, plan
from sr_cli.batch.run import Advanced, Event, Started, run
from sr_cli.batch.settings import Settings, settings
from sr_cli.batch.watch import arrivals

__all__ = [
    "SAME",
    "SUFFIXES",
    "Advanced",
    "Event",
    "Folder",
    "Input",
    "Naming",
    "Place",
    "Records",
    "Request",
    "Settings",
    "Started",
    "Step",
    "Verdict",
    "arrivals",
    "find",
    "lay_out",
    "open_folder",
    "plan",
    "read_folder",
    "run",
    "settings",
]
