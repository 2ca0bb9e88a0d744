"""`make bench`: every `bench_*.py` here, or those whose names are given, each into its section of RESULTS.md."""

import sys
from importlib import import_module
from pathlib import Path

from tests.bench.table import machine, render, replace_section
from tui.commands.output import say

wanted = sys.argv[1:]
for path in sorted(Path(__file__).parent.glob("bench_*.py")):
    if wanted and path.stem.removeprefix("bench_") not in wanted:
        continue
    bench = import_module(f"tests.bench.{path.stem}")
    body = f"{machine(bench.PACKAGES)}\n\n{render(bench.measure())}"
    replace_section(bench.NAME, body)
    say(f"## {bench.NAME}", body)
