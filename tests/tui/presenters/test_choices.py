from __future__ import annotations

from dataclasses import replace

from engine.records import Proposal, Verdict
from tests.tui.presenters.scenes import ROLLBACK, SETTINGS, TREE
from tui.presenters import choices


def test_accept_takes_the_recommendation_and_not_the_iteration() -> None:
    choice = choices.recommended(TREE, ROLLBACK)
    assert (choice.action, choice.to) == ("rollback", 1)
    assert choice.changes == {"beta": 0.2, "learning_rate": 2.5e-6}


def test_a_verdict_that_cannot_tell_is_accepted_as_proposed() -> None:
    unsure = replace(ROLLBACK, verdict=Verdict("ask"), proposal=Proposal(2))
    choice = choices.recommended(TREE, unsure)
    assert (choice.action, choice.to, choice.changes) == ("accept", 2, {})


def test_retry_goes_to_the_parent() -> None:
    assert choices.retry(TREE, ROLLBACK).to == 1


def test_keeping_this_iteration_is_an_accept_even_against_the_rules() -> None:
    choice = choices.rollback(TREE, ROLLBACK, 2)
    assert (choice.action, choice.to) == ("accept", 2)


def test_rollback_to_the_baseline_differs_from_the_settings_of_the_first_iteration() -> None:
    choice = choices.rollback(TREE, ROLLBACK, 0)
    assert choice.base == SETTINGS
    assert choice.changes == {"beta": 0.2, "learning_rate": 2.5e-6}


def test_finish_selects_the_best() -> None:
    choice = choices.finish(ROLLBACK)
    assert (choice.action, choice.to) == ("finish", 1)
    assert "iteration 1 is selected" in choices.consequence(choice)[0].lower()


def test_edits_are_told_from_the_proposal() -> None:
    plain = choices.recommended(TREE, ROLLBACK)
    proposed = choices.next_settings(plain)
    choice = choices.edited(plain, proposed, {**proposed, "beta": 0.3, "learning_rate": 5e-6})
    assert choice.changes == {"beta": 0.3}
    assert set(choice.edited) == {"beta", "learning_rate"}
    assert choice.argument()["changes"] == {"beta": 0.3}


def test_the_consequence_says_what_runs_next_and_that_nothing_is_lost() -> None:
    text = " ".join(choices.consequence(choices.recommended(TREE, ROLLBACK)))
    assert "Iteration 3 will start from the weights of iteration 1." in text
    assert "beta 0.2 (was 0.1)" in text
    assert "learning_rate 2.5e-6 (was 5e-6)" in text
    assert "Nothing is deleted" in text
