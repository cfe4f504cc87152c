//! Bringing things into the order of time when there are many of them.

/// Fewer than this are compared with each other.
const FEW: usize = 512;

/// Sorts by `time` (µs); what has the same time keeps its order. Many are sorted by their digits: a time that lies within
/// a day of the others differs from them in five bytes, so that is five passes instead of a logarithm of comparisons.
pub fn sort_by_time<T: Copy>(values: &mut [T], time: impl Fn(&T) -> i64) {
    if values.is_sorted_by_key(&time) {
        return;
    }
    if values.len() < FEW {
        values.sort_by_key(time);
        return;
    }
    let (first, last) = values
        .iter()
        .map(&time)
        .fold((i64::MAX, i64::MIN), |(first, last), us| (first.min(us), last.max(us)));
    // Counted from the first: no passes for what all have in common, the sign among it.
    let later = |value: &T| time(value).wrapping_sub(first) as u64;
    match u32::try_from(last.wrapping_sub(first)) {
        Ok(_) => radsort::sort_by_key(values, |value| later(value) as u32),
        Err(_) => radsort::sort_by_key(values, later),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::sort_by_time;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// As the standard library's stable sort does, whatever their number.
        #[test]
        fn as_a_stable_sort(times in proptest::collection::vec(prop_oneof![
            -3i64..3, -90_000_000_000i64..90_000_000_000, 0i64..3_000_000_000, 1_700_000_000_000_000i64..1_700_086_400_000_000, any::<i64>(),
        ], 0..1500)) {
            let mut sorted: Vec<(i64, usize)> = times.iter().copied().zip(0..).collect();
            let mut expected = sorted.clone();
            sort_by_time(&mut sorted, |(us, _)| *us);
            expected.sort_by_key(|(us, _)| *us);
            prop_assert_eq!(sorted, expected);
        }
    }
}
