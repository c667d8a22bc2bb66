"""Photoshop's image resources, which is where other programs look for IPTC."""

import struct

_IPTC = 0x0404


def resources(iptc: bytes) -> bytes:
    """Make IPTC a resource without a name; both have even lengths there."""
    head = struct.pack(">4sHHL", b"8BIM", _IPTC, 0, len(iptc))
    return head + iptc + bytes(len(iptc) % 2)
