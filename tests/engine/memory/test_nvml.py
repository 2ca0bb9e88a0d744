"""The sampler over the real nvidia-ml-py and a stand-in for NVIDIA's library."""

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.memory.nvml import Sampler
from tests.engine.memory.standin import Machine, build, compiler

MIB = 2**20
Start = Callable[..., Machine]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform != "linux":
        pytest.skip("the stand-in NVML library is a Linux one")
    if compiler() is None:
        pytest.skip("no C compiler here to build the stand-in NVML library with")
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def start(library: Path, tmp_path: Path) -> Iterator[Start]:
    machines: list[Machine] = []

    def begin(lines: str = "", visible: str | None = None) -> Machine:
        machines.append(Machine(library, tmp_path / "state", visible))
        machines[-1].becomes(lines)
        return machines[-1]

    yield begin
    for machine in machines:
        machine.becomes("")  # lets a call that hangs go
        machine.close()


def test_reads_every_field_of_a_card_in_plain_units(start: Start) -> None:
    state = "gpu0.name=RTX 4070\ngpu0.total=12288\ngpu0.used=5000\ngpu0.reserved=300\ngpu0.util=97\ngpu0.temp=71\n"
    answer = start(state + "gpu0.power=186500\ngpu0.limit=200000\n").read(at=7.0)
    card = answer.card
    assert (card.source, card.name, card.simulated, card.t) == ("gpu", "RTX 4070", True, 7.0)
    assert (card.total, card.used, card.headroom) == (12288 * MIB, 5300 * MIB, 6988 * MIB)
    assert (card.utilisation, card.temperature, card.power, card.power_limit) == (97.0, 71.0, 186.5, 200.0)
    assert (card.allocated, card.reserved, card.peak) == (None, None, None)
    assert answer.reason == ""


def test_follows_a_card_that_changes(start: Start) -> None:
    machine = start("gpu0.used=1000\ngpu0.reserved=0\n")
    assert machine.read(at=1).card.used == 1000 * MIB
    machine.becomes("gpu0.used=9000\ngpu0.reserved=0\n")
    assert machine.read(at=2).card.used == 9000 * MIB


def test_used_is_the_same_where_only_the_old_memory_call_works(start: Start) -> None:
    sizes = "gpu0.used=1000\ngpu0.reserved=250\n"
    for missing in ("", "gpu0.err.MemoryInfo_v2=3\n", "gpu0.err.MemoryInfo_v2=999\n"):
        assert start(sizes + missing).read().card.used == 1250 * MIB


def test_zero_is_a_reading_and_not_a_missing_one(start: Start) -> None:
    card = start("gpu0.util=0\ngpu0.power=0\ngpu0.temp=0\n").read().card
    assert (card.utilisation, card.power, card.temperature) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ("UtilizationRates", "utilisation"),
        ("PowerUsage", "power"),
        ("EnforcedPowerLimit", "power_limit"),
    ],
)
def test_what_a_card_does_not_say_is_none_and_the_rest_stays(start: Start, call: str, field: str) -> None:
    card = start(f"gpu0.err.{call}=3\n").read().card
    assert getattr(card, field) is None
    assert card.used is not None


def test_temperature_falls_back_to_the_old_call(start: Start) -> None:
    assert start("gpu0.temp=55\ngpu0.err.TemperatureV=3\n").read().card.temperature == 55.0
    both = "gpu0.temp=55\ngpu0.err.TemperatureV=3\ngpu0.err.Temperature=4\n"
    assert start(both).read().card.temperature is None


def test_who_else_is_on_the_card(start: Start) -> None:
    machine = start()
    assert (machine.read().card.own, machine.read().card.others) == (None, 0)
    machine.becomes(f"gpu0.procs={machine.pid}:700,41:900,42:100\ngpu0.drawing=41:900,43:50\n")
    card = machine.read().card
    assert (card.own, card.others) == (700 * MIB, 1050 * MIB)


@pytest.mark.parametrize("lines", ["gpu0.procs=41:NA,42:100\n", "gpu0.err.ComputeRunningProcesses_v3=3\n" * 2])
def test_what_others_hold_is_none_where_the_driver_does_not_say(start: Start, lines: str) -> None:
    missing = "gpu0.err.ComputeRunningProcesses_v2=3\n" if "err" in lines else ""
    card = start(lines + missing).read().card
    assert card.others is None
    assert card.used is not None


def test_an_older_list_of_processes_will_do(start: Start) -> None:
    card = start("gpu0.procs=41:900\ngpu0.err.ComputeRunningProcesses_v3=13\n").read().card
    assert card.others == 900 * MIB


@pytest.mark.parametrize("missing", ["", "gpu0.err.CurrentClocksEventReasons=13\n"])
def test_what_slows_a_card_is_named(start: Start, missing: str) -> None:
    card = start(f"gpu0.throttle=0x4c\n{missing}").read().card
    assert card.throttle == ("overheated", "power cap")
    assert start(f"gpu0.throttle=0x101\n{missing}").read().card.throttle == ()


def test_a_card_in_mig_slices_is_its_slices(start: Start) -> None:
    lines = "count=2\ngpu0.name=Big\ngpu0.mig=2\ngpu0.temp=61\ngpu0.mig0.name=Big 1g.5gb\ngpu0.mig0.total=4864\n"
    lines += "gpu0.mig0.used=1000\ngpu0.mig0.reserved=0\ngpu0.mig1.name=Big 2g.10gb\ngpu1.name=Small\n"
    machine = start(lines, "MIG-00000000-0000-0000-0002")
    cards = machine.read().cards
    assert [card.name for card in cards] == ["Big 2g.10gb", "Big 1g.5gb", "Small"]
    assert (cards[1].total, cards[1].used, cards[1].temperature) == (4864 * MIB, 1000 * MIB, 61.0)


def test_slices_that_may_not_be_listed_leave_the_whole_card(start: Start) -> None:
    answer = start("gpu0.mig=2\ngpu0.err.MaxMigDeviceCount=4\n").read()
    assert [card.name for card in answer.cards] == ["NVIDIA Stand-in"]


def test_memory_that_nobody_says_is_none(start: Start) -> None:
    card = start("gpu0.err.MemoryInfo_v2=3\ngpu0.err.MemoryInfo=3\ngpu0.temp=50\n").read().card
    assert (card.source, card.total, card.used, card.headroom, card.temperature) == ("gpu", None, None, None, 50.0)


@pytest.mark.parametrize(
    ("code", "words"),
    [(9, "the NVIDIA driver is not loaded"), (18, "of different versions"), (999, "NVML says: Unknown Error")],
)
def test_a_driver_that_will_not_open_gives_host_memory_and_says_why(start: Start, code: int, words: str) -> None:
    answer = start(f"init={code}\n").read()
    assert [card.source for card in answer.cards] == ["host"]
    assert words in answer.reason
    assert answer.card.name == f"host memory: {answer.reason}"


def test_a_driver_loaded_later_is_found(start: Start) -> None:
    machine = start("init=9\n")
    assert machine.read(at=1).card.source == "host"
    machine.becomes("")
    answer = machine.read(at=31)
    assert (answer.card.source, answer.reason) == ("gpu", "")


def test_a_machine_with_a_driver_and_no_card(start: Start) -> None:
    answer = start("count=0\n").read()
    assert (answer.card.source, answer.reason) == ("host", "the NVIDIA driver knows of no card")


@pytest.mark.parametrize("call", ["MemoryInfo_v2", "HandleByIndex"])
def test_a_card_that_is_lost_and_comes_back(start: Start, call: str) -> None:
    machine = start()
    assert machine.read(at=1).card.source == "gpu"
    machine.becomes(f"gpu0.err.{call}=15\n")
    answer = machine.read(at=2)
    assert answer.card.source == "host"
    assert answer.reason == "NVIDIA Stand-in: the card is lost: it no longer answers its driver"
    machine.becomes("")
    assert machine.read(at=3).card.source == "gpu"


def test_a_lost_card_does_not_make_another_the_engines(start: Start) -> None:
    two = "count=2\ngpu1.name=Other\n"
    machine = start(two)
    assert [card.name for card in machine.read(at=1).cards] == ["NVIDIA Stand-in", "Other"]
    machine.becomes(two + "gpu0.err.MemoryInfo_v2=15\n")
    lost, other = machine.read(at=2).cards
    assert (lost.source, lost.name, other.name) == ("host", f"host memory: {machine.read(at=2).reason}", "Other")
    machine.becomes(two + "gpu1.err.MemoryInfo_v2=15\n")
    assert [card.name for card in machine.read(at=3).cards] == ["NVIDIA Stand-in"]


def test_a_card_that_was_lost_before_the_start_hides_no_other(start: Start) -> None:
    answer = start("count=2\ngpu1.err.HandleByIndex=15\n").read()
    assert [card.name for card in answer.cards] == ["NVIDIA Stand-in"]
    assert answer.reason.startswith("NVIDIA card 1: the card is lost")


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["A", "B", "C"]),
        ("2,0", ["C", "A", "B"]),
        ("GPU-bb", ["B", "A", "C"]),
        ("GPU-nobody", ["A", "B", "C"]),
        ("", ["host memory", "A", "B", "C"]),
        ("-1", ["host memory", "A", "B", "C"]),
    ],
)
def test_the_engines_card_comes_first(start: Start, visible: str | None, names: list[str]) -> None:
    cards = "gpu0.name=A\ngpu0.uuid=GPU-aa-1\ngpu1.name=B\ngpu1.uuid=GPU-bb-2\ngpu2.name=C\ngpu2.uuid=GPU-cc-3\n"
    answer = start("count=3\n" + cards, visible).read()
    assert [card.name.split(":")[0] for card in answer.cards] == names
    assert ("CUDA_VISIBLE_DEVICES" in answer.reason) == ("host memory" in names)


def test_torch_may_say_which_card_it_trains_on(start: Start) -> None:
    machine = start("count=2\ngpu0.name=Slow\ngpu1.name=Fast\ngpu1.uuid=GPU-7d-9\n")
    machine.tell("prefer", "7d-9")
    assert [card.name for card in machine.read().cards] == ["Fast", "Slow"]


def test_a_driver_that_hangs_holds_up_nobody_and_its_numbers_go(start: Start) -> None:
    machine = start("gpu0.temp=50\n")
    machine.read(at=1)
    machine.becomes("hang=1\ngpu0.temp=60\n")
    machine.tell("at", 2)
    machine.tell("ask")

    patient = machine.tell("at", 3.5)
    assert patient.asking
    assert (patient.card.temperature, patient.reason) == (50.0, "")

    silent = machine.tell("at", 9)
    assert silent.asking
    assert (silent.card.name, silent.card.total) == ("NVIDIA Stand-in: no answer for 7 s", 24576 * MIB)
    assert (silent.card.used, silent.card.temperature, silent.card.power) == (None, None, None)
    assert (silent.card.t, silent.reason) == (1.0, "the NVIDIA driver has not answered for 7 s")

    machine.becomes("gpu0.temp=60\n")
    assert (machine.tell("wait").card.temperature, machine.read(at=10).reason) == (60.0, "")


def test_a_driver_that_hangs_from_the_start_gives_host_memory(start: Start) -> None:
    machine = start("hang=1\n")
    assert machine.tell("ask").card.source == "host"
    answer = machine.tell("at", 5)
    assert (answer.card.source, answer.reason) == ("host", "the NVIDIA driver has not answered for 5 s")


def test_without_a_library_there_is_host_memory(tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_bytes(b"not a library")
    machine = Machine(tmp_path, tmp_path / "state")
    try:
        answer = machine.read()
    finally:
        machine.close()
    if answer.card.source == "gpu":
        pytest.skip("this machine has a real NVIDIA library on its default path")
    assert (answer.card.name, answer.reason) == ("host memory", "no NVIDIA driver is installed")


def test_the_thread_starts_answers_at_once_and_ends() -> None:
    sampler = Sampler(interval=0.001).start()
    assert "memory-sampler" in [thread.name for thread in threading.enumerate()]
    assert sampler.latest()[0].total
    sampler.stop()
    assert "memory-sampler" not in [thread.name for thread in threading.enumerate()]
