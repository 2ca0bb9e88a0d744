"""Every key of every screen, each with an id by which `~/.config/pilothouse/keys.yaml` may give it another key.

    run.smooth: z
    gate.accept: ctrl+a

An id is `screen.action`. `$PILOTHOUSE_KEYS` names another file.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from textual.binding import Binding

MAX_FILE = 64_000


def _keys(screen: str, *rows: tuple[str, str, str, bool]) -> list[Binding]:
    """Rows are key, action, description, and whether the key bar has room for it."""
    return [
        Binding(key, action, description, show=show, id=f"{screen}.{_name(action)}")
        for key, action, description, show in rows
    ]


def _name(action: str) -> str:
    """`cursor(-1)` as `cursor_back`: an id without signs that YAML minds."""
    word, _, argument = action.rstrip(")").partition("(")
    argument = argument.strip("'").replace(".", "_")
    return f"{word}_{'back' if argument.startswith('-') else argument}" if argument else word


HOME = _keys(
    "home",
    ("question_mark", "help", "help", True),
    ("enter", "open", "attach", True),
    ("n", "start", "start a config", True),
    ("R", "resume", "resume", True),
    ("m", "whatif", "memory: what if", True),
    ("q,d", "leave", "quit", True),
    ("T", "theme", "light or dark", False),
)
RUN = _keys(
    "run",
    ("question_mark", "help", "help", True),
    ("d", "leave", "detach", True),
    ("g", "gate", "gate", True),
    ("R", "resume", "resume", True),
    ("y", "log", "log axis", True),
    ("s", "smooth", "smooth", True),
    ("i", "scope", "whole run", True),
    ("p", "pause_view", "pause view", True),
    ("P", "pause_run", "pause run", True),
    ("c", "compare", "compare", True),
    ("l", "label", "label pairs by hand", False),
    ("D", "data", "pairs of the newest iteration", False),
    ("m", "whatif", "memory: what if", False),
    ("v", "samples", "sample completions of the newest iteration", False),
    ("q", "quit", "leave; training goes on", False),
    ("tab", "tab(1)", "next panel, panel before", False),
    ("shift+tab", "tab(-1)", "panel before", False),
    ("enter", "maximise", "maximise the panel in focus", False),
    ("escape", "back", "back to the overview", False),
    ("plus,equals_sign", "zoom(0.5)", "zoom in and out", False),
    ("minus", "zoom(2)", "zoom out", False),
    ("left", "pan(-0.25)", "move the zoomed window", False),
    ("right", "pan(0.25)", "move right", False),
    ("0", "zoom_reset", "all of it, no cursor", False),
    ("comma", "cursor(-1)", "cursor left and right, in all charts", False),
    ("full_stop", "cursor(1)", "cursor right", False),
    *((str(k), f"chart({k})", "that panel alone", False) for k in range(1, 8)),
    ("T", "theme", "light or dark", False),
)
GATE = _keys(
    "gate",
    ("question_mark", "help", "help", True),
    ("d", "leave", "detach", True),
    ("a", "accept", "accept", True),
    ("e", "edit", "edit", True),
    ("r", "rollback", "roll back…", True),
    ("t", "retry", "retry", True),
    ("f", "finish", "finish", True),
    ("s", "samples", "samples", True),
    ("l", "label", "label", True),
    ("D", "data", "data", True),
    ("c", "compare", "compare", True),
    ("w", "why", "why", True),
    ("m", "whatif", "memory", True),
    ("R", "resume", "resume", True),
    ("escape", "back", "charts", True),
    ("q", "quit", "leave; the run goes on waiting", False),
    *((str(k), f"panel({k})", "that panel, where there is no room for all", False) for k in range(1, 5)),
    ("tab", "tab(1)", "next panel, panel before", False),
    ("shift+tab", "tab(-1)", "panel before", False),
    ("n", "sample(1)", "next sample, sample before", False),
    ("b", "sample(-1)", "sample before", False),
    ("T", "theme", "light or dark", False),
)
SAMPLES = _keys(
    "samples",
    ("question_mark", "help", "help", True),
    ("n,right", "step(1)", "next", True),
    ("b,left", "step(-1)", "previous", True),
    ("escape,s,v,d", "back", "back", True),
    ("q", "quit", "leave; the run is not touched", False),
)
COMPARE = _keys(
    "compare",
    ("question_mark", "help", "help", True),
    ("left", "shift(-1)", "earlier", True),
    ("right", "shift(1)", "later", True),
    ("b", "against", "from parent or baseline", True),
    ("h", "balance", "helpful/harmless", True),
    ("o", "way", "only the accepted way", True),
    ("escape,c,d", "back", "back", True),
    ("q", "quit", "leave; the run is not touched", False),
)
WEAKNESS = _keys(
    "weakness",
    ("question_mark", "help", "help", True),
    ("n,right", "step(1)", "next answer", True),
    ("b,left", "step(-1)", "previous", True),
    ("escape,d", "back", "back", True),
    ("q", "quit", "leave; the run is not touched", False),
)
WHY = _keys(
    "why",
    ("question_mark", "help", "help", True),
    ("escape,w,d", "back", "back", True),
    ("q", "quit", "leave; the run is not touched", False),
)
LABEL = _keys(
    "label",
    ("1", "first", "the first", True),
    ("2", "second", "the second", True),
    ("t", "tie", "tie", True),
    ("s", "skip", "skip", True),
    ("b", "bad", "bad", True),
    ("u", "undo", "undo", True),
    ("question_mark", "help", "help", True),
    ("escape,l,d", "back", "back", True),
    ("tab", "tab", "prompt or answers, to scroll", False),
    ("q", "quit", "leave; what is labelled is kept", False),
    ("T", "theme", "light or dark", False),
)
DATA = _keys(
    "data",
    ("question_mark", "help", "help", True),
    ("x", "quarantine", "quarantine", True),
    ("slash", "search", "search", True),
    ("f", "turn('fate')", "filter", True),
    ("s", "turn('source')", "source", True),
    ("c", "turn('category')", "category", True),
    ("m", "turn('mark')", "by hand", True),
    ("0", "everything", "all", True),
    ("left_square_bracket", "iteration(-1)", "iteration before", True),
    ("right_square_bracket", "iteration(1)", "after", True),
    ("l", "label", "label", True),
    ("enter", "detail", "the whole pair", False),
    ("tab", "tab", "table or pair", False),
    ("escape,D,d", "back", "back", True),
    ("q", "quit", "leave; the run is not touched", False),
    ("T", "theme", "light or dark", False),
)
EDIT = _keys(
    "edit",
    ("ctrl+s,f2", "review", "review and decide", True),
    ("escape", "cancel", "back, nothing happens", True),
    ("ctrl+r", "revert", "proposed value again", True),
)
WHATIF = _keys(
    "whatif",
    ("escape", "back", "back, nothing happens", True),
    ("ctrl+r", "revert", "as it was", True),
)
SCREENS: Mapping[str, list[Binding]] = {
    "home": HOME,
    "run": RUN,
    "gate": GATE,
    "samples": SAMPLES,
    "label": LABEL,
    "data": DATA,
    "compare": COMPARE,
    "weakness": WEAKNESS,
    "why": WHY,
    "edit": EDIT,
    "whatif": WHATIF,
}


def keymap_path(environ: Mapping[str, str]) -> Path:
    chosen = environ.get("PILOTHOUSE_KEYS")
    base = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".config"
    return Path(chosen) if chosen else Path(base) / "pilothouse" / "keys.yaml"


def load_keymap(path: Path) -> tuple[dict[str, str], list[str]]:
    """The operator's keys by id, and what is wrong with the file: a fault never stops the app, it is shown."""
    if not path.is_file():
        return {}, []
    import yaml  # only who remaps keys pays for it

    try:
        raw = yaml.safe_load(path.read_text("utf-8")[:MAX_FILE])
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return {}, [f"{path}: not readable: {str(error).splitlines()[0]}"]
    if not isinstance(raw, dict):
        return {}, [f"{path}: expected lines such as `run.smooth: z`"]
    return _checked(raw)


def _checked(raw: Mapping[object, object]) -> tuple[dict[str, str], list[str]]:
    known = {binding.id: binding for bindings in SCREENS.values() for binding in bindings if binding.id}
    keymap: dict[str, str] = {}
    faults = []
    for name, key in raw.items():
        if name not in known:
            close = difflib.get_close_matches(str(name), known, 1)
            faults.append(f"{name}: no such key id" + (f", did you mean {close[0]}?" if close else ""))
        elif isinstance(key, bool) or not isinstance(key, str | int) or not str(key).strip():
            faults.append(f"{name}: expected a key such as z, ctrl+a or f2 (put yes, no, on, off in quotes)")
        else:
            keymap[str(name)] = str(key).strip()
    return _without_clashes(keymap, faults)


def _without_clashes(keymap: dict[str, str], faults: list[str]) -> tuple[dict[str, str], list[str]]:
    """One key must not mean two things on one screen: a key that decides could be another's habit."""
    for screen, bindings in SCREENS.items():
        taken: dict[str, str] = {}
        for binding in sorted(bindings, key=lambda binding: binding.id in keymap):
            name = str(binding.id)
            for key in keymap.get(name, binding.key).split(","):
                if key in taken and name in keymap:
                    faults.append(f"{name}: {key} is already {taken[key]} on the {screen} screen")
                    del keymap[name]
                    break
                taken[key] = name
    return keymap, faults
