"""Cards by name: what people type, what drivers report, and what nobody makes."""

from __future__ import annotations

import pytest

from engine.errors import UsageError
from engine.memory.planning.cards import SIZES, examples, find_card, smallest
from engine.memory.planning.names import CARDS, ECC
from engine.records import GIB


@pytest.mark.parametrize("text", ["12GiB", "12 GB", "12gb", "12288MiB", "12", "12.0 GiB", " 12 g "])
def test_a_size_however_it_is_written(text: str) -> None:
    card = find_card(text)
    assert card.total == 12 * GIB
    assert card.usable == int(12 * GIB * 0.975)


def test_a_size_that_is_not_whole_was_read_off_a_device() -> None:
    card = find_card("11.76GiB")
    assert card.usable == card.total == round(11.76 * GIB)


@pytest.mark.parametrize(
    ("text", "name", "gib"),
    [
        ("4070 ti", "RTX 4070 Ti", 12),
        ("RTX 4070 Ti SUPER", "RTX 4070 Ti SUPER", 16),
        ("rtx4070ti", "RTX 4070 Ti", 12),
        ("4070", "RTX 4070", 12),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "RTX 4090 Laptop", 16),
        ("RTX 2070 Max-Q", "RTX 2070", 8),
        ("A100-SXM4-80GB", "A100 80 GiB", 80),
        ("NVIDIA H100 80GB HBM3", "H100 80 GiB", 80),
        ("Tesla T4", "T4", 16),
        ("a6000", "RTX A6000", 48),
        ("RTX 6000 Ada Generation", "RTX 6000 Ada", 48),
        ("4060ti16gb", "RTX 4060 Ti 16 GiB", 16),
        ("RTX PRO 6000", "RTX PRO 6000", 96),
    ],
)
def test_a_name_however_it_is_written(text: str, name: str, gib: int) -> None:
    card = find_card(text)
    assert (card.name, card.total) == (name, gib * GIB)


def test_every_card_is_found_by_its_own_name_and_by_each_of_its_sizes() -> None:
    for name, sizes in CARDS.items():
        assert find_card(name).total == min(sizes) * GIB
        for size in sizes:
            card = find_card(f"NVIDIA GeForce {name} {size}GB")
            assert (card.total, card.name.startswith(name)) == (size * GIB, True)


def test_of_a_name_sold_twice_the_smaller_one_is_meant_and_said() -> None:
    assert find_card("a100").note == "also sold with 80 GiB: say A100 80GB for that one"
    assert find_card("a100 80GB").note == find_card("4070").note == ""


# cudaMemGetInfo's total on idle cards, as torch prints it in its out-of-memory errors.
REPORTED = {"RTX 3070": 7.79, "RTX 3080": 9.78, "RTX 2080 Ti": 10.76, "RTX 3060 12GB": 11.76, "RTX 4090": 23.64}
REPORTED |= {
    "RTX 5090": 31.36,
    "T4": 14.75,
    "L4": 22.03,
    "A10": 22.06,
    "V100": 15.77,
    "A100": 39.39,
    "A100 80GB": 79.15,
}


@pytest.mark.parametrize("name", REPORTED)
def test_no_more_is_promised_than_a_card_offers(name: str) -> None:
    offered = REPORTED[name] * GIB
    assert 0.97 * offered < find_card(name).usable <= offered * 1.002


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RTX 4O70", "nearest: RTX 4070"),
        ("5090m", "nearest: RTX 5090"),
        ("potato", "such as RTX 4070, A100 40GB; or a size, such as 12GiB"),
        ("", "or a size, such as 12GiB"),
        ("-4GB", "or a size, such as 12GiB"),
        ("4060 ti 12gb", "it is sold with 8 GiB or 16 GiB"),
        ("0", "a number alone is GiB"),
        ("9999GiB", "a number alone is GiB"),
        ("12GiB\x1b[31m" + "9" * 4000, "or a size, such as 12GiB"),
    ],
)
def test_what_is_no_card_comes_with_what_would_do(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_card(text)
    assert words in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_the_smallest_card_offers_enough_and_the_next_smaller_does_not() -> None:
    for wanted in range(1, 170, 3):
        card = smallest(wanted * GIB)
        assert card is not None
        assert card.usable >= wanted * GIB
        below = [size for size in SIZES if size < card.total]
        assert not below or find_card(f"{below[-1] // GIB}GiB").usable < wanted * GIB
    assert smallest(500 * GIB) is None


def test_examples_are_of_that_size_and_people_may_own_them() -> None:
    for size in SIZES:
        for name in examples(find_card(f"{size // GIB}GiB"), limit=20):
            assert find_card(name).total == size
    assert examples(find_card("24GiB"))[0] == "RTX 4090"


def test_ecc_is_of_cards_that_there_are() -> None:
    assert set(CARDS) >= ECC
