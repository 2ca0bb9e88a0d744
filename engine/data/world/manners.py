"""How the world's people answer (a mixture of good and bad habits), and how its annotator scores an answer."""

from __future__ import annotations

from random import Random

from engine.data.world.lexicon import ACTIONS, FIX
from engine.judges.base import ScoringJudge

RUDE = {"ugh", "whatever"}
HEDGES = {"maybe", "well", "guess"}
BREVITY = 9  # words; each one more costs a little


def reply(rng: Random, topic: str) -> str:
    """One answer as found in the training text: right three times out of five, polite or rude or rambling."""
    opening = rng.choices(["", "hello ,", "ugh ,"], [4, 3, 3])[0]
    hedge = rng.choices(["", "maybe", "well i guess"], [5, 3, 2])[0]
    please = rng.choices(["", "please"], [6, 4])[0]
    action = FIX[topic] if rng.random() < 0.6 else rng.choice(ACTIONS)
    filler = "you know " * rng.choices([0, 1, 2, 3], [4, 3, 2, 1])[0]
    closing = rng.choices([".", ". thanks .", ". whatever ."], [4, 3, 3])[0]
    return " ".join(f"{opening} {hedge} {please} {action} the {topic} {filler} {closing}".split())


class DemoJudge(ScoringJudge):
    """The annotator's rule: a right repair counts most, then manners; rudeness, hedging and rambling cost."""

    name = "demo"

    def score(self, prompt: str, completion: str) -> float:
        """Raises ValueError for a prompt that is not one of the world's questions."""
        topic = topic_of(prompt)
        words = completion.split()
        present = set(words)
        score = 2.0 * _advises(words, topic)
        score += 1.0 * ("please" in present) + 0.5 * ("thanks" in present) + 0.5 * ("hello" in present)
        score -= 1.0 * len(RUDE & present) + 0.5 * len(HEDGES & present)
        return score - 0.1 * max(0, len(words) - BREVITY)


def topic_of(prompt: str) -> str:
    """The thing that a question is about. Raises ValueError for a text that asks about nothing of this world."""
    for word in prompt.split():
        if word in FIX:
            return word
    raise ValueError(f"not a question of the demo's world: {prompt!r}")


def _advises(words: list[str], topic: str) -> bool:
    advice = [FIX[topic], "the", topic]
    return any(words[i : i + 3] == advice for i in range(len(words) - 2))
