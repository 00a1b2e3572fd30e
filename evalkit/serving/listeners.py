"""Who listens where on this machine, from the kernel's own tables.

Connecting would show that something answers, not who; and a key sent to find out is a key told.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"
_SOCKET = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A TCP socket that takes connections; `inode` is its identity."""

    address: str
    port: int
    inode: int

    @property
    def is_loopback(self) -> bool:
        found = ipaddress.ip_address(self.address)
        mapped = getattr(found, "ipv4_mapped", None)
        return (mapped or found).is_loopback


def listeners() -> tuple[Listener, ...]:
    """Every TCP listener that this process may see (those of its network namespace)."""
    found: list[Listener] = []
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):  # a kernel without IPv6
            found += parsed(Path(f"/proc/net/{name}").read_text(encoding="ascii"))
    return tuple(found)


def parsed(table: str) -> Iterator[Listener]:
    """The listeners in the text of /proc/net/tcp or tcp6."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        address, _, port = fields[1].partition(":")
        yield Listener(address=_address(address), port=int(port, 16), inode=int(fields[9]))


def owned_by(pids: Iterable[int]) -> frozenset[int]:
    """The inodes of the sockets that these processes hold open."""
    inodes: set[int] = set()
    for pid in pids:
        with contextlib.suppress(OSError):  # it may have ended by now
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if match := _SOCKET.fullmatch(str(entry.readlink())):
                        inodes.add(int(match[1]))
    return frozenset(inodes)


def _address(digits: str) -> str:
    """An address as the kernel prints it: 32-bit words, each in the machine's (little) order."""
    words = [bytes.fromhex(digits[i : i + 8])[::-1] for i in range(0, len(digits), 8)]
    return str(ipaddress.ip_address(b"".join(words)))
