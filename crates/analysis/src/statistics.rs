//! The few statistics used, in closed form and in a fixed order, so that the same input gives the same digits.

/// Wilson 95 % interval of `hits` in `n` (Wilson 1927).
#[must_use]
pub fn wilson95(hits: u64, n: u64) -> Option<[f64; 2]> {
    if n == 0 {
        return None;
    }
    let (z, n) = (1.96f64, n as f64);
    let p = hits as f64 / n;
    let centre = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    Some([((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0)])
}

/// P(X ≥ `at_least`) for X ~ NegBin(r = `seen` + 1/2, success = `quiet_s` / (`quiet_s` + `span_s`)): the Jeffreys
/// predictive chance of that many events in `span_s` when `seen` happened in `quiet_s`.
#[must_use]
pub fn predictive_tail(at_least: u64, seen: u64, quiet_s: f64, span_s: f64) -> f64 {
    let r = seen as f64 + 0.5;
    let p = quiet_s / (quiet_s + span_s);
    let mut term = p.powf(r);
    let mut below = 0.0;
    for i in 0..at_least.min(100_000) {
        below += term;
        term *= (i as f64 + r) / (i as f64 + 1.0) * (1.0 - p);
    }
    (1.0 - below).max(0.0)
}

/// Where the `q` quantile (nearest rank) stands among `count` sorted values.
fn rank(count: usize, q: f64) -> Option<usize> {
    let rank = (q * count as f64).ceil() as usize;
    Some(rank.saturating_sub(1).min(count.checked_sub(1)?))
}

/// The `q` quantile (nearest rank) of sorted values.
#[must_use]
pub fn quantile(sorted: &[i64], q: f64) -> Option<i64> {
    sorted.get(rank(sorted.len(), q)?).copied()
}

/// The same of values in any order, which are moved about.
#[must_use]
pub fn quantile_of(values: &mut [i64], q: f64) -> Option<i64> {
    Some(*values.select_nth_unstable(rank(values.len(), q)?).1)
}

/// The same where each value stands for several, given as (value, for how many) in order of the values.
#[must_use]
pub fn weighted_quantile(sorted: &[(i64, u32)], q: f64) -> Option<i64> {
    let all: u64 = sorted.iter().map(|(_, count)| u64::from(*count)).sum();
    let rank = ((q * all as f64).ceil() as u64).clamp(1, all.max(1));
    let mut before = 0;
    let reached = sorted.iter().find(|(_, count)| {
        before += u64::from(*count);
        before >= rank
    });
    reached.map(|(value, _)| *value)
}

/// The same of pairs in any order, which are moved about; several quantiles, the lowest first.
#[must_use]
pub fn weighted_quantiles_of<const N: usize>(
    values: &mut [(i64, u32)],
    lowest_first: [f64; N],
) -> [Option<i64>; N] {
    if values.iter().any(|(_, count)| *count != 1) {
        values.sort_unstable();
        return lowest_first.map(|q| weighted_quantile(values, q));
    }
    // What lies below one that was picked is below all that follow.
    let (count, mut below, mut rest) = (values.len(), 0, values);
    lowest_first.map(|q| {
        let rank = rank(count, q)?;
        let further = rank.checked_sub(below)?;
        let picked = rest.select_nth_unstable(further).1.0;
        rest = std::mem::take(&mut rest).get_mut(further..)?;
        below = rank;
        Some(picked)
    })
}

/// One of them.
#[must_use]
pub fn weighted_quantile_of(values: &mut [(i64, u32)], q: f64) -> Option<i64> {
    let [quantile] = weighted_quantiles_of(values, [q]);
    quantile
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    proptest! {
        /// Picked out of any order they are what they are in order.
        #[test]
        fn quantiles_of_any_order(
            mut values in proptest::collection::vec((-50i64..50, 1u32..4), 0..40), q in 0.0f64..=1.0, alone in any::<bool>(),
        ) {
            if alone {
                values.iter_mut().for_each(|(_, count)| *count = 1);
            }
            let mut plain: Vec<i64> = values.iter().map(|(value, _)| *value).collect();
            let mut sorted = plain.clone();
            sorted.sort_unstable();
            prop_assert_eq!(quantile_of(&mut plain, q), quantile(&sorted, q));
            let mut ordered = values.clone();
            ordered.sort_unstable();
            let three = [q / 2.0, q, 1.0];
            prop_assert_eq!(weighted_quantiles_of(&mut values, three), three.map(|q| weighted_quantile(&ordered, q)));
        }
    }

    #[test]
    fn wilson_known_values() {
        let [low, high] = wilson95(11, 17).unwrap();
        assert!((low - 0.41).abs() < 0.01 && (high - 0.83).abs() < 0.01);
        assert!((wilson95(0, 73).unwrap()[1] - 0.05).abs() < 0.001);
        assert!(wilson95(0, 0).is_none());
    }

    #[test]
    fn one_that_stands_for_several_counts_as_several() {
        let values = [1, 1, 1, 5, 5, 9];
        let weighted = [(1, 3), (5, 2), (9, 1)];
        let single: Vec<(i64, u32)> = values.iter().map(|value| (*value, 1)).collect();
        for q in [0.0, 0.1, 0.5, 0.51, 0.84, 0.95, 1.0] {
            assert_eq!(weighted_quantile(&weighted, q), quantile(&values, q), "{q}");
            assert_eq!(weighted_quantile(&single, q), quantile(&values, q), "{q}");
        }
        assert_eq!(weighted_quantile(&[], 0.5), None);
    }

    #[test]
    fn predictive_tail_values_of_the_method_note() {
        assert!((predictive_tail(2, 0, 3600.0, 60.0) - 1.0e-4).abs() < 2e-5);
        assert!((predictive_tail(3, 0, 600.0, 600.0) - 0.05).abs() < 0.02);
        assert!((predictive_tail(0, 3, 600.0, 600.0) - 1.0).abs() < 1e-12);
    }
}
