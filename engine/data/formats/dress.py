"""A prompt as a chat model wants it: messages, whatever dress it wore for models without a chat template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.data.formats import alpaca, transcript
from engine.records import Pair


def chat_pair(pair: Pair, special_tokens: Sequence[str]) -> Pair:
    """The pair with a plain prompt as messages, for a model that speaks through a chat template.

    An instruction loses its Alpaca dress, a transcript becomes its turns. A prompt that holds the model's own special
    tokens is dressed already.
    """
    if not isinstance(pair.prompt, str) or any(token in pair.prompt for token in special_tokens):
        return pair
    plain = [{"role": "user", "content": pair.prompt.strip()}]
    talk = alpaca.undress(pair.prompt) or transcript.undress(pair.prompt) or plain
    return replace(pair, prompt=talk, chosen=pair.chosen.strip(), rejected=pair.rejected.strip())
