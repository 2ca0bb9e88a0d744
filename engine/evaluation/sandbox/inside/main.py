"""`python -I -S main.py LIMITS`, started by `runner` with an empty environment in an empty directory.

Three processes: this one, which waits outside; the examiner, first of the new process namespace, so that all in it
ends with it; and the candidate, forked before the examiner reads its order, so that the tests never were in its memory.
In: the order on stdin. Out: one line of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[4]))

from engine.evaluation.sandbox.inside import candidate, cell, examiner, kernel

EXAMINER_MEMORY = 2**30
USERS = 200_000  # of no account; one for each of the engine's sandboxes, so that none counts or signals another's


def main(limits: dict[str, float]) -> int:
    kernel.die_with_parent()
    signal.alarm(int(limits["wall_s"]) + 5)
    nowhere = os.open(os.devnull, os.O_RDWR)
    user = USERS + os.getpid() % 50_000 if os.getuid() == 0 else None
    cell.isolate()
    cell.build(Path.cwd(), int(limits["scratch"]))
    first = os.fork()
    if first:
        return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    kernel.drop_privileges(user)
    kernel.die_with_parent()
    _examine(nowhere, limits)
    return 0


def _examine(nowhere: int, limits: dict[str, float]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (EXAMINER_MEMORY, EXAMINER_MEMORY))
    mine, theirs = socket.socketpair()
    if os.fork() == 0:
        mine.close()
        candidate.serve(theirs, nowhere, limits)
    theirs.close()
    order = json.loads(sys.stdin.buffer.read())
    verdict = os.dup(1)
    os.dup2(nowhere, 1)  # whatever the tests print
    passed, why = examiner.examine(mine, order, limits["wall_s"])
    os.write(verdict, json.dumps({"passed": passed, "why": why}).encode() + b"\n")


if __name__ == "__main__":
    sys.path = [entry for entry in sys.path if entry != str(Path(__file__).parents[4])]
    os._exit(main(json.loads(sys.argv[1])))
