from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.rl.advantage import explained_variance, gae, masked_mean, whiten


def naive(rewards: list[float], values: list[float], gamma: float, lam: float) -> list[float]:
    """GAE as it is written: a sum of discounted temporal differences from each token on, for one whole sample."""
    ends = len(rewards)
    errors = [rewards[t] + gamma * (values[t + 1] if t + 1 < ends else 0.0) - values[t] for t in range(ends)]
    return [sum((gamma * lam) ** (k - t) * errors[k] for k in range(t, ends)) for t in range(ends)]


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    gamma=st.floats(0, 1),
    lam=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_gae_is_the_naive_sum_on_each_sample_and_nothing_after_it(
    lengths: list[int], gamma: float, lam: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = len(lengths), max(lengths)
    rewards, values = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    mask = (torch.arange(shape[1]) < torch.tensor(lengths)[:, None]).double()
    advantages, returns = gae(rewards, values, mask, gamma, lam)
    for row, length in enumerate(lengths):
        expected = naive(rewards[row, :length].tolist(), values[row, :length].tolist(), gamma, lam)
        assert advantages[row, :length].tolist() == pytest.approx(expected, abs=1e-9)
        assert not advantages[row, length:].any()
        assert not returns[row, length:].any()
    torch.testing.assert_close(returns, advantages + values * mask)


def test_whitening_sees_real_tokens_only() -> None:
    mask = torch.tensor([[1.0, 1, 0], [1, 1, 1]])
    values = torch.tensor([[1.0, 2, 1e6], [3, 4, 5]])
    white = whiten(values, mask)
    assert float(masked_mean(white, mask)) == pytest.approx(0, abs=1e-6)
    assert float(masked_mean(white**2, mask)) == pytest.approx(1, abs=1e-5)
    assert white[0, 2] == 0
    kept = whiten(values, mask, shift=False)
    assert float(masked_mean(kept, mask)) == pytest.approx(3, abs=1e-5)


def test_explained_variance_is_one_for_a_seer_and_zero_for_a_constant() -> None:
    mask, returns = torch.ones(2, 3), torch.arange(6.0).reshape(2, 3)
    assert explained_variance(returns, returns, mask) == pytest.approx(1)
    assert explained_variance(torch.full((2, 3), 9.0), returns, mask) == pytest.approx(0)
