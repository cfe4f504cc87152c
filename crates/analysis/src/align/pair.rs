//! Records of two sources that may be the same event: all with the same key within reach of each other.

use std::hash::Hasher;

use rustc_hash::FxHasher;

use super::estimate::{Pair, REACH_US, evenly};

/// Most pairs made; further ones would tell nothing new.
const MOST_PAIRS: usize = 500_000;

/// A record that may have a counterpart: what both sides know of it, and when, µs.
pub type Moment = (u64, i64);

/// Records with one key, and the numbers of the first of each side.
struct Group<'m> {
    left: &'m [Moment],
    left_from: usize,
    right: &'m [Moment],
    right_from: usize,
}

impl Group<'_> {
    fn size(&self) -> usize {
        self.left.len().saturating_mul(self.right.len())
    }
}

/// Pairs the records of the reference (`left`) with those of a source (`right`). Keys with few records go first, since
/// they tell the most; when the room for pairs runs out, the rest is sampled evenly over its time.
#[must_use]
pub fn couple(mut left: Vec<Moment>, mut right: Vec<Moment>) -> Vec<Pair> {
    rayon::join(|| left.sort_unstable(), || right.sort_unstable());
    let mut groups = Vec::new();
    let (mut left_from, mut right_from) = (0, 0);
    for of_left in left.chunk_by(|a, b| a.0 == b.0) {
        let key = of_left.first().map_or(0, |moment| moment.0);
        right_from += right.get(right_from..).unwrap_or_default().partition_point(|moment| moment.0 < key);
        let rest = right.get(right_from..).unwrap_or_default();
        let of_right = rest.get(..rest.partition_point(|moment| moment.0 == key)).unwrap_or_default();
        if !of_right.is_empty() {
            groups.push(Group { left: of_left, left_from, right: of_right, right_from });
        }
        left_from += of_left.len();
    }
    groups.sort_by_key(|group| (group.size(), group.left_from));
    let mut pairs = Vec::new();
    for group in groups {
        let Group { left: of_left, left_from, right: of_right, right_from } = group;
        let room = MOST_PAIRS.saturating_sub(pairs.len());
        let numbered: Vec<(usize, i64)> =
            of_left.iter().enumerate().map(|(number, moment)| (left_from + number, moment.1)).collect();
        let anchors = if group.size() <= room { numbered } else { evenly(&numbered, room / of_right.len()) };
        for (left_number, left_us) in anchors {
            let from = of_right.partition_point(|moment| moment.1 < left_us.saturating_sub(REACH_US));
            let within = of_right.iter().enumerate().skip(from);
            for (number, (_, right_us)) in
                within.take_while(|(_, moment)| moment.1 <= left_us.saturating_add(REACH_US))
            {
                pairs.push(Pair {
                    left: u32::try_from(left_number).unwrap_or(u32::MAX),
                    right: u32::try_from(right_from + number).unwrap_or(u32::MAX),
                    at_us: left_us,
                    difference_us: right_us - left_us,
                });
            }
        }
    }
    pairs
}

/// A key out of texts.
#[must_use]
pub fn key(parts: &[&[u8]]) -> u64 {
    let mut hasher = FxHasher::default();
    for part in parts {
        hasher.write(part);
        hasher.write_u8(0xff);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_like_with_like_and_within_reach() {
        let pairs = couple(vec![(1, 0), (2, 5)], vec![(1, 10), (1, REACH_US + 1), (3, 5)]);
        assert_eq!(pairs, [Pair { left: 0, right: 0, at_us: 0, difference_us: 10 }]);
    }

    #[test]
    fn a_flood_is_sampled_over_its_whole_time() {
        let flood: Vec<Moment> = (0..2000).map(|second| (7, second * 1_000_000)).collect();
        let pairs = couple(flood.clone(), flood);
        assert!(pairs.len() <= MOST_PAIRS);
        assert!(pairs.iter().any(|pair| pair.at_us > 1_900_000_000));
    }
}
