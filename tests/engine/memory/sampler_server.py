"""A process that holds a Sampler over the real nvidia-ml-py and obeys JSON lines; `standin.py` starts it.

It exists because the system's loader reads LD_LIBRARY_PATH only when a process starts. Each line is a list of a verb
and its arguments; each answer is one JSON line: the readings, and the reason why they are not full ones.
"""

import json
import sys
from threading import Thread

from engine.memory.nvml import Sampler
from engine.records import as_json


class Server:
    def __init__(self) -> None:
        self.now = 0.0
        self.sampler = Sampler(interval=1.0, deadline=2.0, clock=lambda: self.now)
        self.poll = Thread()

    def obey(self, verb: str, *arguments: object) -> None:
        if verb == "prefer":
            self.sampler.prefer(str(arguments[0]))
        elif verb == "at":
            self.now = float(str(arguments[0]))
        elif verb == "ask":  # a poll that may hang: the answer comes at once all the same
            self.poll = Thread(target=self.sampler.poll, daemon=True)
            self.poll.start()
        elif verb == "wait":
            self.poll.join(30)

    def answer(self) -> dict[str, object]:
        cards = self.sampler.latest()
        return {"cards": as_json(cards), "reason": self.sampler.reason, "asking": self.poll.is_alive()}


if __name__ == "__main__":
    server = Server()
    for line in sys.stdin:
        server.obey(*json.loads(line))
        print(json.dumps(server.answer()), flush=True)  # noqa: T201
