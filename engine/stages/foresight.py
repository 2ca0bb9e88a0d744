"""The longest batch first, and what it will take foretold from the batches before it, in front of any TRL trainer.

On CUDA a run that will not fit should say so in its first minute and not in its third hour. Each micro-batch is
measured on its own, until torch has run out of memory once: from then on batches may pass in pieces, whose peaks say
nothing of a whole one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engine.memory.forecast import Batch, Forecaster
from engine.memory.torch_side import Meter
from engine.records import Forecast
from engine.stages.sampler import LongestFirst, WeightedEpochs

if TYPE_CHECKING:
    from transformers import Trainer
else:
    Trainer = object  # a mixin: the trainer behind it is whichever its subclass names


class Foresight(Trainer):  # type: ignore[misc]
    """`on_forecast` is told after each micro-batch on CUDA; `widest_first` puts the longest examples in front."""

    on_forecast: Callable[[Forecast], None] | None = None
    widest_first: bool = False
    meter: Meter | None = None
    _forecaster: Forecaster | None = None
    _failures = 0

    def foresee(self, tell: Callable[[Forecast], None], order: str) -> None:
        """Begin. `order` is `memory.longest_first`: auto, always or never."""
        cuda = self.args.device.type == "cuda"
        self.widest_first = order == "always" or (order == "auto" and cuda)
        if cuda:
            self.meter, self.on_forecast = Meter(str(self.args.device)), tell

    def longest_in_front(self, weights: Sequence[float]) -> LongestFirst:
        """A sampler by weight, its first micro-batch the longest examples."""
        inner = WeightedEpochs(weights, self.args.seed)
        return LongestFirst(inner, lengths_of(self.train_dataset), self.args.per_device_train_batch_size)

    def training_step(self, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        meter = self.meter
        if meter is None or self.on_forecast is None:
            return super().training_step(model, inputs, *rest, **named)
        if self._forecaster is None:
            self._failures = meter.failures()
            self._forecaster = self._begin(batch_of(inputs))
        batch, before = batch_of(inputs), meter.begin()
        loss = super().training_step(model, inputs, *rest, **named)
        if meter.failures() > self._failures:
            self.meter = None
        else:
            self.on_forecast(self._forecaster.saw(batch, before, meter.peak()))
        return loss

    def _begin(self, first: Batch) -> Forecaster:
        """Whatever stands beside the longest example is padded to it: that is the worst batch."""
        width, limit = max(lengths_of(self.train_dataset), default=0), getattr(self.args, "max_length", None)
        attention = getattr(getattr(self.model, "config", None), "_attn_implementation", None)
        return Forecaster(Batch(first.rows, min(width, limit or width)), square=attention == "eager")


def batch_of(inputs: Any) -> Batch:
    """The shape of a padded micro-batch: that of its largest table of tokens."""
    shapes = [value.shape for value in inputs.values() if getattr(value, "ndim", 0) == 2]
    rows, width = max(shapes, key=lambda shape: shape[0] * shape[1], default=(0, 0))
    return Batch(int(rows), int(width))


def lengths_of(dataset: Any) -> list[int]:
    """Tokens of each example's longest sequence: its `length`, or by columns that TRL has made (`chosen_ids`, …)."""
    import pyarrow.compute as arrow

    if "length" in dataset.column_names:
        return list(dataset["length"])
    names = [name for name in dataset.column_names if name.endswith("_ids")]
    if not names:
        return []
    table = dataset.with_format("arrow")[:]
    counted = {name: arrow.list_value_length(table[name]).to_pylist() for name in names}
    prompts = counted.pop("prompt_ids", [0] * len(table))
    answers = zip(*counted.values(), strict=True) if counted else [(0,)] * len(table)
    return [prompt + max(sides) for prompt, sides in zip(prompts, answers, strict=True)]
