"""The shapes that preference data comes in, each in a file of its own, all into Pair (or Unpaired: half of one)."""

from engine.data.formats.dress import chat_pair
from engine.data.formats.record import parse_record
from engine.data.formats.turns import BadRecordError
from engine.data.formats.unpaired import Unpaired, pair_up

__all__ = ["BadRecordError", "Unpaired", "chat_pair", "pair_up", "parse_record"]
