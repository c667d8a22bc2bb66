"""A model in a file for other programs, checked against torch before it is written."""

from sr_cli.export.exporting import SUFFIXES, Exported, export

__all__ = ["SUFFIXES", "Exported", "export"]
