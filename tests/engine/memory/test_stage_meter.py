"""A stage's peaks, whatever measured its own pieces inside it."""

from __future__ import annotations

from engine.memory.torch_side import Meter, StageMeter


class Cuda:
    """torch.cuda's counters: `use` is memory in use, and the peaks follow it until they are reset."""

    def __init__(self) -> None:
        self.now = self.high = 0

    def use(self, size: int) -> None:
        self.now = size
        self.high = max(self.high, size)

    def max_memory_allocated(self, _: str) -> int:
        return self.high

    def max_memory_reserved(self, _: str) -> int:
        return 2 * self.high

    def memory_allocated(self, _: str) -> int:
        return self.now

    def reset_peak_memory_stats(self, _: str) -> None:
        self.high = self.now


def test_a_stage_knows_its_own_peak_and_not_the_one_before() -> None:
    cuda = Cuda()
    cuda.use(90)
    cuda.use(10)
    first = StageMeter("cuda:7", cuda)
    cuda.use(40)
    cuda.use(10)
    Meter("cuda:7", cuda).begin()  # a micro-batch is measured, and resets torch's counter
    cuda.use(30)
    assert first.peaks() == {"allocated": 40, "reserved": 80}
    cuda.use(10)
    second = StageMeter("cuda:7", cuda)
    cuda.use(20)
    assert second.peaks() == {"allocated": 20, "reserved": 40}
