"""Weights that other programs wrote, as networks that srup runs.

What a file holds is read as data: nothing in it is executed, torch isn't needed, and no
memory is taken for more than the file has.  `sr_cli.foreign.layouts` lists whose
SRResNets are known; they are recognised by the names and shapes of their tensors.
"""

from sr_cli.foreign.reading import HEADER_ARCHITECTURE, SUFFIXES, Foreign, read_foreign

__all__ = ["HEADER_ARCHITECTURE", "SUFFIXES", "Foreign", "read_foreign"]
