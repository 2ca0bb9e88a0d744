"""The command's grammar: what it takes, what it refuses, and with which exit code."""

from __future__ import annotations

import pytest

from engine.errors import BusyError, ConfigError, CorruptError, Fault, PilothouseError, UsageError
from tui import cli
from tui.commands import judge as judge_command
from tui.commands.output import table


def run(*argv: str) -> int:
    """The exit code, whether returned or raised by argparse."""
    try:
        return cli.main(list(argv))
    except SystemExit as left:
        return int(left.code or 0)


def test_version_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("pilothouse 0.")


@pytest.mark.parametrize(
    "argv",
    [
        ["plan", "x.yaml"],  # not there yet: refused, not pretended
        ["label", "demo"],
        ["decide", "demo", "maybe"],
        ["decide", "demo", "rollback", "--to", "one"],
        ["control", "demo", "explode"],
        ["demo", "--scenario", "wild"],
        ["--theme", "pink"],
        ["run"],
    ],
)
def test_what_it_does_not_know_is_a_usage_error(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*argv) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", ["demo", "run", "attach", "resume", "ls", "status", "log", "decide", "control"])
def test_every_subcommand_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0
    assert command in capsys.readouterr().out


def test_looks_may_stand_before_or_after_the_subcommand() -> None:
    assert [cli.parse(argv).ascii for argv in (["--ascii", "attach"], ["attach", "--ascii"], ["attach"])] == [
        True,
        True,
        False,
    ]
    assert cli.parse(["--theme", "light", "demo"]).theme == cli.parse(["demo", "--theme", "light"]).theme == "light"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such run", remedy="did you mean demo?"), 2),
        (ConfigError("c.yaml", [Fault("training.beta", "7", "too large", "at most 1")]), 2),
        (BusyError("it has an engine"), 75),
        (CorruptError("run.db is damaged"), 1),
        (OSError("disk on fire"), 1),
    ],
)
def test_an_error_is_text_on_stderr_and_an_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(judge_command, "judge", fail)
    assert run("judge", "history.yaml", "--json") == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"pilothouse: {error}\n"


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise UsageError("nothing there")

    monkeypatch.setenv("PILOTHOUSE_DEBUG", "1")
    monkeypatch.setattr(judge_command, "judge", fail)
    with pytest.raises(PilothouseError, match="nothing there"):
        cli.main(["judge", "history.yaml"])


def test_a_table_aligns_and_never_passes_its_width() -> None:
    lines = table(("name", ">step", "note"), [("demo-1", "7", "short"), ("b", "1200", "long " * 30)], width=40)
    assert lines[0] == "name    step  note"
    assert lines[1] == "demo-1     7  short"
    assert [len(line) <= 40 for line in lines] == [True] * 3
    assert lines[2].endswith("…")


def test_a_table_shows_no_control_characters() -> None:
    assert "\x1b" not in "".join(table(("name",), [("\x1b]52;c;aGk=\x07",)]))
