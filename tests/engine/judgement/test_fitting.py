"""A batch that had to be cut to fit becomes smaller at the gate, with the same effective batch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.judgement import assess
from engine.judgement.fitting import fitting
from engine.records import Split
from tests.fixtures.tables import table


@pytest.mark.parametrize(
    ("batch", "accumulation", "least", "expected"),
    [
        (8, 3, 4, (4, 6)),
        (8, 1, 3, (2, 4)),
        (6, 2, 4, (3, 4)),
        (7, 2, 3, (1, 14)),
        (8, 3, 0, (1, 24)),
        (4, 1, 1, (1, 4)),
    ],
)
def test_the_effective_batch_stays(batch: int, accumulation: int, least: int, expected: tuple[int, int]) -> None:
    changes, notes = fitting({"batch_size": batch, "accumulation": accumulation}, Split(2, least))
    assert tuple(change.after for change in changes) == expected
    assert expected[0] * expected[1] == batch * accumulation
    assert [change.field for change in changes] == ["batch_size", "accumulation"]
    assert bool(notes) is (least == 0)


def test_why_says_what_happened() -> None:
    changes, _ = fitting({"batch_size": 8, "accumulation": 3}, Split(1, 4))
    assert changes[0].why == "memory ran out once in training, 4 pairs at once fitted; the effective batch stays 24"


def test_nothing_is_proposed_where_everything_fitted_or_where_it_is_as_small_already() -> None:
    assert fitting({"batch_size": 8, "accumulation": 3}, None) == ((), ())
    assert fitting({"batch_size": 1, "accumulation": 24}, Split(1, 0))[0] == ()
    assert fitting({}, Split(1, 2)) == ((), ())


def test_a_loss_that_sees_its_whole_batch_keeps_it() -> None:
    changes, notes = fitting({"batch_size": 8, "accumulation": 3}, Split(2, 0, divisible=False))
    assert changes == ()
    assert notes == (
        "memory ran out 2 times in training, less than a pair at once fitted; "
        "batch_size stays, since this loss looks at the whole of its batch",
    )


def test_the_gate_proposes_it() -> None:
    sizes = {"batch_size": 8, "accumulation": 2}
    plain = table({"win": 0.5, "kl": 0.0}, {"win": 0.6, "kl": 0.01})
    first, second = (replace(each, config={**each.config, **sizes}) for each in plain.iterations)
    cut = replace(plain, iterations=(first, replace(second, split=Split(1, 4))))
    proposal = assess(cut).proposal
    assert {c.field: c.after for c in proposal.changes if c.field in sizes} == {"batch_size": 4, "accumulation": 4}
    uncut = assess(replace(plain, iterations=(first, second))).proposal
    assert not {c.field for c in uncut.changes} & set(sizes)
