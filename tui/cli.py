"""The command. It parses, imports the one subcommand that was asked for, and turns errors into text and exit codes.

Exit codes: 0 fine · 1 the run failed · 2 usage, config or a decision that cannot be taken now · 75 the run already
has an engine. `PILOTHOUSE_DEBUG=1` shows the traceback of an error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TypeAlias

from engine.errors import PilothouseError
from tui.commands.output import complain, say

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code."""
    args = parse(argv)
    if args.version:
        return _version()
    module, _, function = args.handler.partition(":")
    try:
        code: int = getattr(import_module(f"tui.commands.{module}"), function)(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `pilothouse log RUN | head` is no error
        return 0
    except (PilothouseError, OSError) as error:
        if os.environ.get("PILOTHOUSE_DEBUG") == "1":
            raise
        complain(str(error))
        return error.exit_code if isinstance(error, PilothouseError) else 1


def _version() -> int:
    from importlib.metadata import version

    say(f"pilothouse {version('pilothouse')}")
    return 0


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    # A subparser would write its own defaults over what stood before the subcommand, so they are given here.
    return build_parser().parse_args(argv, argparse.Namespace(ascii=False, theme=None, json=False))


def build_parser() -> argparse.ArgumentParser:
    looks = argparse.ArgumentParser(add_help=False)
    looks.add_argument("--ascii", action="store_true", default=argparse.SUPPRESS, help="draw without Unicode")
    looks.add_argument("--theme", choices=("dark", "light"), default=argparse.SUPPRESS, help="colours of the screens")

    parser = argparse.ArgumentParser(
        prog="pilothouse",
        parents=[looks],
        description="Supervise iterated preference training of a language model. Alone: the home screen.",
        epilog="Runs live in ./runs, or in the folder that $PILOTHOUSE_RUNS names.",
    )
    parser.add_argument("--version", action="store_true", help="show the version and leave")
    parser.set_defaults(handler="attach:home")
    commands = parser.add_subparsers(title="subcommands", metavar="COMMAND")
    _starting(commands, looks)
    _planning(commands, looks)
    _looking(commands, looks)
    _steering(commands, looks)
    _rules(commands)
    return parser


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _starting(commands: Commands, looks: argparse.ArgumentParser) -> None:
    starts = argparse.ArgumentParser(add_help=False)
    starts.add_argument("--name", help="the run's name")
    _settings(starts)
    _detached(starts)
    starts.add_argument(
        "--decide", metavar="ask|auto|SECONDS", help="who decides at a gate: you, the rules, the rules after SECONDS"
    )

    demo = commands.add_parser("demo", parents=[looks, starts], help="start the embedded demo: no download, no GPU")
    demo.add_argument(
        "--recipe", choices=("dpo", "rlhf"), default="dpo", help="dpo, or SFT, reward model and PPO (ppo.algorithm)"
    )
    demo.add_argument("--scenario", choices=("steady", "overshoot"), default="steady")
    demo.set_defaults(handler="launch:demo")

    run = commands.add_parser("run", parents=[looks, starts], help="start a run from a config")
    run.add_argument("config", metavar="CONFIG", help="a YAML file; see configs/")
    run.set_defaults(handler="launch:run")

    resume = commands.add_parser("resume", parents=[looks], help="start a new engine for a run whose engine is gone")
    resume.add_argument("run", metavar="RUN")
    _detached(resume)
    resume.set_defaults(handler="launch:resume")

    check = commands.add_parser("check", help="validate and resolve a config; starts nothing")
    check.add_argument("config", metavar="CONFIG")
    _settings(check)
    check.set_defaults(handler="check:check")


def _planning(commands: Commands, looks: argparse.ArgumentParser) -> None:
    plan = _json(
        commands.add_parser(
            "plan",
            parents=[looks],
            help="will it fit: what a config needs of a card, found without a GPU and without weights",
            epilog="Exit code 0 whether or not it fits (in --json it is `fits`), 1 where the model cannot be planned, "
            "2 for usage, config, or a card that nobody knows.",
        )
    )
    plan.add_argument("config", metavar="CONFIG", help="a YAML file; see configs/")
    plan.add_argument(
        "--card", metavar="SIZE|NAME", help="12GiB, 'RTX 4070', …; default: memory.card, or the card here"
    )
    _settings(plan)
    plan.add_argument("--exact", action="store_true", help="simulate every layer, not two and four of them")
    plan.set_defaults(handler="plan:plan")


def _looking(commands: Commands, looks: argparse.ArgumentParser) -> None:
    attach = commands.add_parser("attach", parents=[looks], help="open the screens on a run")
    attach.add_argument("run", metavar="RUN", nargs="?", help="default: the live run that started last")
    attach.add_argument("--readonly", action="store_true", help="look only: no key decides or controls")
    attach.set_defaults(handler="attach:attach")

    _json(commands.add_parser("ls", help="the runs here")).set_defaults(handler="show:ls")
    for name, text in (("status", "where a run is"), ("log", "the iteration log: what changed, why, and how it went")):
        command = _json(commands.add_parser(name, help=text))
        command.add_argument("run", metavar="RUN")
        command.set_defaults(handler=f"show:{name}")


def _steering(commands: Commands, looks: argparse.ArgumentParser) -> None:
    decide = commands.add_parser("decide", help="answer the open gate of a run")
    decide.add_argument("run", metavar="RUN")
    decide.add_argument("action", choices=("accept", "retry", "finish", "rollback"), help="accept: the recommendation")
    decide.add_argument("--to", metavar="K", type=int, help="the iteration to roll back to; this one keeps it as it is")
    _settings(decide)
    decide.add_argument("--why", metavar="TEXT", default="", help="kept in the record")
    decide.set_defaults(handler="steer:decide")

    control = commands.add_parser("control", help="pause, resume, gate, checkpoint, stop, or set KEY=VALUE")
    control.add_argument("run", metavar="RUN")
    control.add_argument("kind", choices=("pause", "resume", "gate", "checkpoint", "stop", "set"))
    control.add_argument("assignment", metavar="KEY=VALUE", nargs="?", help="for set: learning_rate or beta")
    control.set_defaults(handler="steer:control")

    label = commands.add_parser("label", parents=[looks], help="say which of two answers is better, pair by pair")
    label.add_argument("run", metavar="RUN")
    label.add_argument("--iteration", metavar="K", type=int, help="of these pairs; default: the newest that has any")
    label.set_defaults(handler="label:label")


def _rules(commands: Commands) -> None:
    judge = _json(commands.add_parser("judge", help="what the rules say of a recorded history of iterations"))
    judge.add_argument("history", metavar="HISTORY", help="a YAML or JSON file")
    judge.set_defaults(handler="judge:judge")


def _json(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="one JSON document on standard output"
    )
    return parser


def _settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set", dest="settings", metavar="KEY=VALUE", action="append", default=[], help="repeat for more"
    )


def _detached(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-attach", action="store_true", help="start the engine, open no screen")


if __name__ == "__main__":
    sys.exit(main())
