//! Bringing things into the order of time when there are many of them.

/// Fewer than this are compared with each other.
const FEW: usize = 512;
/// How many share a stretch of time, if they come evenly.
const IN_A_STRETCH: usize = 4;

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
