"""The world's things and facts. All are invented, and the same in every run."""

from __future__ import annotations

from random import Random

FAMILIES = {
    "office": ["printer", "scanner", "monitor", "keyboard", "mouse", "laptop"],
    "home": ["lamp", "fridge", "heater", "kettle", "toaster", "fan", "vacuum", "oven"],
    "media": ["camera", "speaker", "radio", "tv", "clock", "drone"],
    "network": ["router", "phone", "tablet", "watch"],
}
TOPICS = [topic for family in FAMILIES.values() for topic in family]
FAMILY = {topic: family for family, topics in FAMILIES.items() for topic in topics}

ACTIONS = [
    *("restart", "reset", "refill", "charge", "clean", "unplug"),
    *("update", "tighten", "replace", "recalibrate", "vent", "descale"),
]

_facts = Random(7)
FIX = {topic: _facts.choice(ACTIONS) for topic in TOPICS}
"""What repairs each thing."""

QUESTIONS = (
    "ask : my {topic} is broken . reply :",
    "ask : the {topic} stopped working . reply :",
    "ask : can you help with my {topic} ? reply :",
    "ask : my new {topic} will not start . reply :",
    "ask : what should i do about the {topic} ? reply :",
)

_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"


def _names(ending: str, offset: int, count: int) -> list[str]:
    """Invented place names, all different for counts up to 70, since 14 and 5 share no divisor."""
    return [f"{_CONSONANTS[i % 14]}{_VOWELS[(i + offset) % 5]}{ending}" for i in range(count)]


COUNTRIES = _names("nia", 0, 40)
CITIES = _names("ville", 3, 40)
_facts.shuffle(CITIES)
CAPITAL = dict(zip(COUNTRIES, CITIES, strict=True))
