"""`python -m engine.simulation`: a question of JSON a line on standard input, an answer a line on standard output.

See `engine.memory.planning.run` for what the lines hold. It ends when its input does.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from contextlib import redirect_stdout
from typing import Any, TextIO
from unittest import mock

from engine.errors import PilothouseError

QUIET = {"TRL_EXPERIMENTAL_SILENCE": "1", "TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false"}


def main(questions: TextIO, answers: TextIO) -> None:
    os.environ.update(QUIET)
    with redirect_stdout(sys.stderr):  # whatever a library prints is no answer
        _import()
        for line in questions:
            if line.strip():
                _say(answers, _answer(json.loads(line), answers))
                _settle()


def _import() -> None:
    """The slow part, done before the first question is read."""
    import torch

    gc.disable()
    with mock.patch.object(torch, "compile", _uncompiled):  # bitsandbytes compiles what no fake tensor runs through
        import bitsandbytes  # noqa: F401
    import engine.simulation.plan  # noqa: F401

    gc.enable()
    _settle()


def _settle() -> None:
    """What imports and answers have left is no garbage, and looking through it takes longer than a quick answer."""
    gc.collect()
    gc.freeze()


def _uncompiled(function: Any = None, **_options: Any) -> Any:
    return _uncompiled if function is None else function


def _answer(question: dict[str, Any], answers: TextIO) -> dict[str, Any]:
    from engine.config import RunConfig
    from engine.records import as_json
    from engine.simulation.plan import plan

    try:
        config = RunConfig.model_validate(question["config"])
        found = plan(config, quick=bool(question.get("quick")), told=lambda words: _say(answers, {"progress": words}))
    except PilothouseError as error:
        return {"fault": error.message, "remedy": error.remedy}
    return {"plan": as_json(found)}


def _say(answers: TextIO, said: dict[str, Any]) -> None:
    answers.write(json.dumps(said) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
