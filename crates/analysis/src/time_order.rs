//! Bringing things into the order of time when there are many of them.

/// Fewer than this are compared with each other.
const FEW: usize = 512;
/// How many share a stretch of time, if they come evenly.
const IN_A_STRETCH: usize = 4;
/// How many places off a value may be.
const NEIGHBOURS: usize = 16;

/// Sorts by `time` (µs); what has the same time keeps its order. Events come evenly enough that cutting their time into
/// stretches of a few events each leaves next to nothing to compare: many are dealt out to the stretches, and each
/// stretch is sorted by itself. If they come unevenly, that is no more than sorting them all.
pub fn sort_by_time<T: Copy>(values: &mut [T], time: impl Fn(&T) -> i64) {
    if values.is_sorted_by_key(&time) {
        return;
    }
    if values.len() < FEW || u32::try_from(values.len()).is_err() {
        values.sort_by_key(time);
        return;
    }
    let (first, last) = values
        .iter()
        .map(&time)
        .fold((i64::MAX, i64::MIN), |(first, last), us| (first.min(us), last.max(us)));
    // Stretches are a power of two long: which one it is takes no division. Few enough times have one each.
    let bits = u64::BITS - (last.wrapping_sub(first) as u64).leading_zeros();
    let many = values.len().ilog2();
    let shift = if bits <= many + 1 { 0 } else { bits - many + IN_A_STRETCH.ilog2() };
    let stretch = |value: &T| (time(value).wrapping_sub(first) as u64 >> shift) as usize;
    let dealt = values.to_vec();
    let mut ends = vec![0u32; 1 << (bits - shift)];
    for value in &dealt {
        if let Some(count) = ends.get_mut(stretch(value)) {
            *count += 1;
        }
    }
    let mut before = 0;
    for end in &mut ends {
        before += std::mem::replace(end, before);
    }
    for value in dealt {
        if let Some(end) = ends.get_mut(stretch(&value)) {
            if let Some(place) = values.get_mut(*end as usize) {
                *place = value;
            }
            *end += 1;
        }
    }
    if shift == 0 {
        return;
    }
    let mut from = 0;
    for end in ends {
        let end = end as usize;
        if let Some(own) = values.get_mut(from..end).filter(|own| own.len() > 1) {
            own.sort_by_key(&time);
        }
        from = end;
    }
}

/// Sorts by `key`; what has the same key keeps its order. What comes in order but for neighbours, as records do that stand
/// for others of their second, is put right by moving those; anything else is sorted as a whole.
pub fn sort_neighbours<T, K: Ord>(values: &mut [T], key: impl Fn(&T) -> K) {
    for next in 1..values.len() {
        for at in (0..next).rev() {
            match values.get(at..at + 2) {
                Some([before, own]) if key(before) > key(own) => {}
                _ => break,
            }
            if next - at > NEIGHBOURS {
                values.sort_by_key(key);
                return;
            }
            values.swap(at, at + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{sort_by_time, sort_neighbours};

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

        /// The same for what is in order nearly, and for what is not at all.
        #[test]
        fn neighbours_as_a_stable_sort(
            steps in proptest::collection::vec((0i64..4, prop_oneof![9 => 0i64..6, 1 => -50i64..50]), 0..300),
        ) {
            let times = steps.iter().scan(0, |clock, (step, off)| {
                *clock += step;
                Some(*clock - off)
            });
            let mut sorted: Vec<(i64, usize)> = times.zip(0..).collect();
            let mut expected = sorted.clone();
            sort_neighbours(&mut sorted, |(us, _)| *us);
            expected.sort_by_key(|(us, _)| *us);
            prop_assert_eq!(sorted, expected);
        }
    }
}
