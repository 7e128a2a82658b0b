import itertools

import numpy as np
import pytest
from scipy import stats

from my_utils.study.statistics import (
    binomial_power,
    effective_answers,
    holm,
    krippendorff_alpha,
    kruskal_wallis,
    mean_interval,
    participants_needed,
    preference,
    ratings_needed,
    ratings_summary,
    sign_flip_test,
    trials_needed,
)


def test_the_wilson_interval_and_the_binomial_test_have_their_closed_forms():
    found = preference(np.arange(40) < 34, np.arange(40))
    z, n, p = 1.959963984540054, 40, 34 / 40
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    np.testing.assert_allclose(found.wilson, (middle - half, middle + half), rtol=1e-12)
    tail = sum(stats.binom.pmf(k, 40, 0.5) for k in range(34, 41))
    assert found.p_value == pytest.approx(2 * tail, rel=1e-12)
    assert (found.chosen, found.trials, found.rate, found.participants) == (34, 40, 0.85, 40)


def test_holm_follows_its_definition():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    p_values = np.random.default_rng(0).random(7) ** 3
    for alpha in np.linspace(0.001, 0.999, 50):
        refused = set()
        for step, index in enumerate(np.argsort(p_values)):
            if p_values[index] > alpha / (7 - step):
                break
            refused.add(index)
        assert set(np.flatnonzero(holm(p_values) <= alpha)) == refused


def test_the_interval_of_single_answers_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(3, 1, 400)
    low, high = mean_interval(values, np.arange(400))
    error = 1.96 * values.std() / 20
    np.testing.assert_allclose((low, high), values.mean() + np.array([-error, error]), atol=0.02)


def test_the_interval_draws_participants_with_all_their_answers():
    rng = np.random.default_rng(8)
    counts = np.array([1] * 20 + [40] * 5)  # five eager people, who think otherwise
    people = np.repeat(np.arange(25), counts)
    chosen = rng.random(len(people)) < np.where(people < 20, 0.2, 0.8)
    means = []
    for _ in range(4000):
        drawn = rng.integers(0, 25, 25)
        means.append(np.concatenate([chosen[people == person] for person in drawn]).mean())
    expected = np.percentile(means, (2.5, 97.5))
    np.testing.assert_allclose(mean_interval(chosen, people), expected, atol=0.02)


def test_answering_the_same_five_times_is_no_news():
    chosen = np.random.default_rng(2).random(50) < 0.6
    once = mean_interval(chosen, np.arange(50))
    people = np.repeat(np.arange(50), 5)
    assert mean_interval(np.repeat(chosen, 5), people) == pytest.approx(once)
    assert effective_answers(chosen, np.arange(50)) == pytest.approx(50)
    assert effective_answers(np.repeat(chosen, 5), people) == pytest.approx(250 * 49 / 249)
    assert np.isnan(mean_interval(chosen, np.zeros(50))).all()
    assert np.isnan(effective_answers(chosen, np.zeros(50)))
    assert np.isnan(sign_flip_test(chosen, np.zeros(50)))
    assert effective_answers(np.tile([0, 1], 50), people[:100]) <= 100


def test_the_effective_number_follows_the_correlation_within_participants():
    rng = np.random.default_rng(3)
    people, each, correlation = 4000, 20, 0.2
    strength = (1 - correlation) / correlation
    rates = rng.beta(0.6 * strength, 0.4 * strength, people)
    chosen = rng.random((people, each)) < rates[:, None]
    effective = effective_answers(chosen.ravel(), np.repeat(np.arange(people), each))
    assert effective == pytest.approx(people * each / (1 + (each - 1) * correlation), rel=0.05)


def test_the_sign_flip_test_counts_all_flips():
    sums = np.array([3.0, -1.0, 2.5, 4.0, 0.5, 1.5, -2.0, 3.5])
    totals = np.array([sums @ signs for signs in itertools.product((1, -1), repeat=8)])
    above = np.mean(totals >= sums.sum() - 1e-9)
    # Half of each sum in each of two answers.
    p_value = sign_flip_test(np.repeat(sums / 2, 2), np.repeat(np.arange(8), 2))
    assert p_value == pytest.approx(2 * above)


def test_two_hundred_participants_show_their_preference():
    rng = np.random.default_rng(4)
    chosen = rng.random((200, 20)) < 0.62
    people = np.repeat(np.arange(200), 20)
    found = preference(chosen.ravel(), people)
    for low, high in (found.wilson, found.by_participants):
        assert low < 0.62 < high and high - low < 0.04
    assert found.p_value < 1e-9 and found.p_participants < 0.001
    assert found == preference(chosen.ravel(), people)  # seeded


def test_participants_of_different_minds_widen_their_interval():
    rng = np.random.default_rng(5)
    chosen = rng.random((40, 50)) < rng.beta(0.6, 0.4, 40)[:, None]
    found = preference(chosen.ravel(), np.repeat(np.arange(40), 50))
    assert np.ptp(found.by_participants) > 3 * np.ptp(found.wilson)
    assert found.p_participants > 10 * found.p_value


def test_ratings_and_ties():
    found = ratings_summary(np.array([5, 2, 2, 5, 4]), np.arange(5))
    assert (found.counts, found.mode, found.median, found.mean) == ((0, 2, 0, 1, 2), 2, 4.0, 3.6)
    assert found.interval[0] < 3.6 < found.interval[1]


def test_kruskal_wallis_follows_its_formula():
    rng = np.random.default_rng(6)
    groups, ratings = rng.integers(0, 4, 60), rng.integers(1, 6, 60)
    ranks = stats.rankdata(ratings)
    between = sum(
        (groups == group).sum() * (ranks[groups == group].mean() - 30.5) ** 2 for group in range(4)
    )
    h = 59 * between / ((ranks - 30.5) ** 2).sum()
    assert kruskal_wallis(ratings, groups) == pytest.approx((h, stats.chi2.sf(h, 3)))
    assert np.isnan(kruskal_wallis(ratings, np.zeros(60))).all()
    assert np.isnan(kruskal_wallis(np.full(60, 4), groups)).all()


def slow_alpha(ratings, units, levels):
    """Observed against expected distance, pair by pair."""
    pairable = [unit for unit in set(units) if list(units).count(unit) >= 2]
    kept = [(rating, unit) for rating, unit in zip(ratings, units, strict=True) if unit in pairable]
    totals = [sum(rating == level for rating, _ in kept) for level in range(levels + 1)]

    def distance(a, b):
        a, b = sorted((a, b))
        return (sum(totals[a : b + 1]) - (totals[a] + totals[b]) / 2) ** 2

    observed = 0.0
    for unit in pairable:
        mine = [rating for rating, other in kept if other == unit]
        pairs = itertools.permutations(mine, 2)
        observed += sum(distance(a, b) for a, b in pairs) / (len(mine) - 1)
    expected = sum(distance(a, b) for (a, _), (b, _) in itertools.permutations(kept, 2))
    return 1 - observed * (len(kept) - 1) / expected


def test_krippendorffs_alpha_of_his_own_example():
    table = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]
    # Four observers, twelve units, 0 where one did not look (Krippendorff 2011, section D).
    answers = [(rating, unit) for row in table for unit, rating in enumerate(row) if rating]
    assert krippendorff_alpha(*np.array(answers).T) == pytest.approx(0.815, abs=5e-4)


def test_krippendorffs_alpha_agrees_with_its_slow_twin():
    rng = np.random.default_rng(7)
    for noise in (1, 3):
        units = rng.integers(0, 12, 50)
        ratings = np.clip(units % 4 + rng.integers(0, noise + 1, 50), 1, 5)
        assert krippendorff_alpha(ratings, units) == pytest.approx(slow_alpha(ratings, units, 5))
    assert np.isnan(krippendorff_alpha(np.array([1, 2, 3]), np.arange(3)))
    assert np.isnan(krippendorff_alpha(np.array([4, 4]), np.zeros(2)))


@pytest.mark.parametrize("alpha", [0.05, 0.0125])
def test_power_is_the_chance_of_a_significant_count(alpha):
    for trials in (1, 5, 6, 23, 40):
        significant = [
            count
            for count in range(trials + 1)
            if stats.binomtest(count, trials, 0.5).pvalue <= alpha
        ]
        power = sum(stats.binom.pmf(count, trials, 0.7) for count in significant)
        assert binomial_power(np.array([trials]), 0.7, alpha) == pytest.approx([power], abs=1e-12)


def test_trials_needed_are_the_fewest_that_always_do():
    for rate, power in ((0.65, 0.8), (0.8, 0.9)):
        needed = trials_needed(rate, power)
        sizes = np.arange(needed, 5 * needed)
        assert (binomial_power(sizes, rate) >= power).all()
        assert binomial_power(np.array([needed - 1]), rate) < power


def test_ratings_and_participants_needed():
    assert ratings_needed(0.5) == 63  # the textbook's 16 / d^2, exactly
    assert ratings_needed(0.5, deviation=2.0) == 252 and ratings_needed(0.5, power=0.9) == 85
    assert participants_needed(100, 1, 0.3) == 100
    assert participants_needed(100, 20, 0.0) == 5
    assert participants_needed(100, 20, 1.0) == 100
