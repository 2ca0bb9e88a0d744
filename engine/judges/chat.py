"""An OpenAI-compatible server, asked one question a call: time limits, retries, and what it all cost."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from engine.config.schema import EndpointConfig
from engine.errors import JudgeError
from engine.text import one_line

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
LONGEST_WAIT = 60.0  # seconds, whatever the server asks for
LONGEST_ANSWER = 1 << 20  # bytes


@dataclass(slots=True)
class Usage:
    """`malformed` answers could not be read. `seconds` are those of the calls, added up over all that ran at once;
    `wall` is how long whoever asked had to wait for them together.
    """

    calls: int = 0
    retries: int = 0
    malformed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    wall: float = 0.0


class _BusyError(Exception):
    """A call that may do better later; `after` is how many seconds the server wants to be left alone."""

    def __init__(self, problem: str, after: float = 0.0) -> None:
        super().__init__(problem)
        self.after = after


class _Stay(HTTPRedirectHandler):
    """Follow no redirect: the key would go along to wherever it points."""

    def redirect_request(self, *_args: Any) -> None:
        return None


class Chat:
    """Raises JudgeError at once where the key is missing. Safe to ask from several threads."""

    def __init__(
        self,
        config: EndpointConfig,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._sleep, self._clock = config, sleep, clock
        self._opener = build_opener(_Stay)
        self._lock = threading.Lock()
        self._usage = Usage()
        self._key()

    def ask(self, system: str, text: str) -> str:
        """The answer, or "" where what came back is no chat completion. Raises JudgeError when nothing comes back."""
        messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        body = {"model": self._config.model, "messages": messages, "temperature": 0}
        start = self._clock()
        try:
            raw = self._persist(json.dumps({**body, "max_tokens": self._config.max_tokens}).encode())
        finally:
            self.count(calls=1, seconds=self._clock() - start)
        return self._read(raw)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around calls that run at once: from the first to the last is what their rate is measured over."""
        start = self._clock()
        try:
            yield
        finally:
            self.count(wall=self._clock() - start)

    def count(self, **more: float) -> None:
        with self._lock:
            for name, value in more.items():
                setattr(self._usage, name, getattr(self._usage, name) + value)

    def take_usage(self) -> dict[str, float]:
        """What was spent since this was last asked."""
        with self._lock:
            taken, self._usage = self._usage, Usage()
        return asdict(taken)

    def _persist(self, body: bytes) -> bytes:
        """Send until it works: after 1 s, 2 s, 4 s, … or as long as the server says."""
        for attempt in range(self._config.attempts):
            try:
                return self._send(body)
            except _BusyError as busy:
                problem, wait = str(busy), max(2.0**attempt, busy.after)
            if attempt + 1 < self._config.attempts:
                self.count(retries=1)
                self._sleep(min(wait, LONGEST_WAIT))
        tries = f"{self._config.attempts} tries" if self._config.attempts > 1 else "1 try"
        raise JudgeError(
            f"the judge at {self._config.url} gave no answer in {tries}: {problem}",
            remedy="see that the server runs and knows the model; judges.endpoint has its time limit and tries",
        )

    def _send(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        key = self._key()
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = Request(f"{str(self._config.url).rstrip('/')}/chat/completions", body, headers)
        try:
            with self._opener.open(request, timeout=self._config.timeout) as response:
                answer: bytes = response.read(LONGEST_ANSWER)
                return answer
        except HTTPError as error:
            raise self._refusal(error, key) from None
        except (OSError, HTTPException) as error:
            raise _BusyError(_hidden(str(error) or type(error).__name__, key)) from None

    def _refusal(self, error: HTTPError, key: str) -> Exception:
        with error:
            said = _hidden(error.read(2000).decode("utf-8", "replace"), key)
        if error.code in RETRIED:
            return _BusyError(f"HTTP {error.code}: {said}", _seconds(error.headers.get("Retry-After")))
        remedy = "set judges.endpoint.key_env to the variable that holds the key" if error.code in (401, 403) else ""
        return JudgeError(f"the judge at {self._config.url} refuses: HTTP {error.code}: {said}", remedy=remedy)

    def _read(self, raw: bytes) -> str:
        try:
            answer = json.loads(raw)
            said = answer["choices"][0]["message"]["content"]
            used = answer.get("usage") or {}
            read, written = int(used.get("prompt_tokens") or 0), int(used.get("completion_tokens") or 0)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
            return ""
        cost = (read * self._config.price_in + written * self._config.price_out) / 1e6
        self.count(tokens_in=read, tokens_out=written, cost=cost)
        return said if isinstance(said, str) else ""

    def _key(self) -> str:
        name = self._config.key_env
        key = os.environ.get(name, "").strip() if name else ""
        if name and not key:
            raise JudgeError(
                f"judges.endpoint.key_env names {name}, and the environment has no such variable",
                remedy=f"export {name} before you start, or leave key_env out for a server that asks for no key",
            )
        return key


def _hidden(text: str, key: str) -> str:
    """A server may quote the key back; nobody is to read it from an error."""
    return one_line(text.replace(key, "(key)") if key else text)


def _seconds(after: str | None) -> float:
    """Retry-After in seconds; its other form, a date, is not followed."""
    return float(after) if after and after.isdecimal() else 0.0
