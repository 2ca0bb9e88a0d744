from engine.memory.shares import shares, throttle_words


def test_a_process_that_computes_and_draws_counts_once() -> None:
    assert shares([(1, 500), (2, 300), (2, 300)], pid=1) == (500, 300)


def test_what_one_other_process_does_not_say_leaves_the_sum_unknown() -> None:
    assert shares([(1, 500), (2, None), (3, 200)], pid=1) == (500, None)
    assert shares([(1, None), (3, 200)], pid=1) == (None, 200)


def test_nobody_and_nothing_said_are_two_things() -> None:
    assert shares([], pid=1) == (None, 0)
    assert shares(None, pid=1) == (None, None)


def test_hardware_slowdown_is_named_by_its_kind_where_that_is_known() -> None:
    assert throttle_words(0x8) == ("hardware slowdown",)
    assert throttle_words(0x8 | 0x80) == ("power brake",)
    assert throttle_words(0x20 | 0x4) == ("heat", "power cap")
    assert throttle_words(0x1 | 0x100) == throttle_words(None) == ()
