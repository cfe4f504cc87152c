//! What every copy of a stream shares: a hash of the content of each record, or sums of them for stretches of time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::thin;

/// The content of one record: the same in every copy of a stream.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Content {
    /// When, µs in the input's own zone.
    pub us: i64,
    /// Hash.
    pub fingerprint: u64,
    /// Line.
    pub line: u64,
}

/// All records of one stretch of time: equal in two inputs only if the records are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Records.
    pub records: u64,
    /// Wrapping sum of their hashes.
    pub sum: u64,
}

impl Digest {
    fn add(&mut self, other: Digest) {
        self.records += other.records;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// Contents of the records of one input.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Contents {
    /// One by one, in file order; empty once the input is thinned out.
    pub list: Vec<Content>,
    /// By stretch of time, as long as the level of thinning says.
    pub digests: BTreeMap<i64, Digest>,
    /// The digest that was added to last, not yet in its place.
    last: Option<(i64, Digest)>,
    level: u8,
    fine: bool,
    /// Nobody will ask for more than their number.
    #[serde(skip)]
    only_counted: bool,
    /// So many that are in neither the list nor the digests.
    #[serde(skip)]
    counted: usize,
    /// So many were added.
    #[serde(skip)]
    arrived: usize,
}

impl Contents {
    /// From now on records are counted and no more: where there is one input only, it has no copy.
    pub fn only_count(&mut self) {
        self.only_counted = true;
    }

    /// Adds the next record.
    #[inline]
    pub fn push(&mut self, content: Content) {
        self.arrived += 1;
        if self.only_counted {
            self.counted += 1;
        } else if self.level == 0 {
            self.list.push(content);
        } else {
            self.sum_up(content);
        }
    }

    fn sum_up(&mut self, content: Content) {
        self.fine |= content.us % 1_000_000 != 0;
        let stretch = thin::stretch(content.us, self.level);
        let one = Digest { records: 1, sum: content.fingerprint };
        match &mut self.last {
            Some((last, digest)) if *last == stretch => digest.add(one),
            last => {
                if let Some((stretch, digest)) = last.replace((stretch, one)) {
                    self.digests.entry(stretch).or_default().add(digest);
                }
            }
        }
    }

    /// Adds those of what follows in the same input, and leaves nothing there but the memory of its list.
    pub fn append(&mut self, later: &mut Contents) {
        let arrived = self.arrived + later.arrived;
        let nothing =
            self.list.is_empty() && self.digests.is_empty() && self.last.is_none() && self.counted == 0;
        if nothing && self.level <= later.level {
            later.fine |= self.fine;
            std::mem::swap(self, later);
        } else {
            let level = self.level.max(later.level);
            self.thin(level);
            later.thin(level);
            self.fine |= later.fine;
            self.counted += later.counted;
            self.list.append(&mut later.list);
            for (stretch, digest) in std::mem::take(&mut later.digests).into_iter().chain(later.last.take()) {
                self.digests.entry(stretch).or_default().add(digest);
            }
        }
        self.arrived = arrived;
        *later = Contents { list: std::mem::take(&mut later.list), ..Contents::default() };
    }

    /// Puts the digest that was added to last in its place.
    pub fn settle(&mut self) {
        if let Some((stretch, digest)) = self.last.take() {
            self.digests.entry(stretch).or_default().add(digest);
        }
    }

    /// Keeps sums for the stretches of `level` only.
    pub fn thin(&mut self, level: u8) {
        if level <= self.level {
            return;
        }
        let before = std::mem::replace(&mut self.level, level);
        std::mem::take(&mut self.list).into_iter().for_each(|content| self.sum_up(content));
        if before == 0 {
            return;
        }
        let sums = std::mem::take(&mut self.digests).into_iter().chain(self.last.take());
        for (stretch, digest) in sums.collect::<Vec<_>>() {
            self.digests.entry(thin::wider(stretch, before, level)).or_default().add(digest);
        }
    }

    /// Sums for the stretches of `level`, which is at least 1 and at least the level of these.
    #[must_use]
    pub fn at_level(mut self, level: u8) -> BTreeMap<i64, Digest> {
        self.thin(level);
        self.settle();
        self.digests
    }

    /// How far these are thinned out; 0: not at all.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.level
    }

    /// How many were added here, and not read from a summary.
    #[must_use]
    pub fn arrived(&self) -> usize {
        self.arrived
    }

    /// Number of records that are not summed up.
    #[must_use]
    pub fn listed(&self) -> usize {
        self.list.len() + if self.level == 0 { self.counted } else { 0 }
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        let summed = self.digests.values().chain(self.last.iter().map(|(_, digest)| digest));
        self.list.len()
            + self.counted
            + usize::try_from(summed.map(|digest| digest.records).sum::<u64>()).unwrap_or(usize::MAX)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether some stamp is finer than a second.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.fine || is_fine(&self.list)
    }
}

/// Some stamp is finer than a second.
#[must_use]
pub fn is_fine(contents: &[Content]) -> bool {
    contents.iter().any(|content| content.us % 1_000_000 != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is only counted is as many as what is kept, however it is put together and thinned out.
        #[test]
        fn counting_counts_what_is_kept(steps in prop::collection::vec((0u8..4, 0i64..10_000_000), 0..60)) {
            let (mut kept, mut counted) = (Contents::default(), Contents::default());
            counted.only_count();
            for (step, number) in steps {
                let both = [&mut kept, &mut counted];
                match step {
                    0 => both.map(|contents| contents.thin(u8::try_from(number % 3).unwrap())),
                    1 => both.map(|contents| {
                        let mut later = Contents::default();
                        if contents.only_counted {
                            later.only_count();
                        }
                        (0..number % 5).for_each(|line| later.push(content(number, line)));
                        contents.append(&mut later);
                    }),
                    _ => both.map(|contents| contents.push(content(number, 0))),
                };
                prop_assert_eq!((kept.len(), kept.listed()), (counted.len(), counted.listed()));
                prop_assert_eq!(kept.level(), counted.level());
            }
            prop_assert!(counted.list.is_empty() && counted.digests.is_empty());
        }
    }

    fn content(us: i64, line: i64) -> Content {
        Content { us, fingerprint: us.unsigned_abs(), line: line.unsigned_abs() }
    }
}
