"""Rows of pixels ─▶ the bytes of one format; each module knows one."""
