"""What nvidia-smi says of a card, as the yardstick of the memory panel: another program over the same driver."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

MIB = 2**20
_FIELDS = "uuid,name,memory.total,memory.free"


@dataclass(frozen=True)
class Card:
    """Sizes in bytes. `used` is total less free, so that the driver's own share counts, as on the panel."""

    uuid: str
    name: str
    total: int
    free: int

    @property
    def used(self) -> int:
        return self.total - self.free


def parse(text: str) -> list[Card]:
    """The lines of `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`; sizes there are whole MiB."""
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.strip()]
    return [Card(uuid, name, int(total) * MIB, int(free) * MIB) for uuid, name, total, free in rows]


def read(uuid: str = "") -> Card:
    """The card with this UUID, or the first. Raises OSError or CalledProcessError where nvidia-smi does not work."""
    command = ["nvidia-smi", f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"]
    cards = parse(subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout)
    return next(card for card in cards if card.uuid.endswith(uuid))
