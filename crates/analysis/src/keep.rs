//! How many records may be kept one by one: of an input, and of all that are read beside each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::read::Spans;

/// Which records of an input are kept one by one.
#[derive(Debug, Clone, Default)]
pub struct Keep {
    /// So many, where all inputs together hold too many: its share.
    pub most: usize,
    /// Those of these spans besides, µs in the input's own zone.
    pub spared: Arc<Spans>,
    /// What all inputs hold together.
    pub room: Arc<Room>,
    /// There is no other input: what would find its copies is not kept.
    pub alone: bool,
    /// How many bytes will come, where that is known and they can be read again.
    pub bytes: Option<u64>,
}

impl Keep {
    /// An input that holds more than so many is thinned out, whatever the others hold.
    #[must_use]
    pub fn too_many(&self) -> u64 {
        self.room.most.max(self.most as u64)
    }
}

/// How many records were met in all inputs, by the threads that read them. Nothing is thinned out while they are few; once
/// they are many every input is held to its share, and those read before that are at the end.
#[derive(Debug, Default)]
pub struct Room {
    records: AtomicU64,
    contents: AtomicU64,
    most: u64,
}

impl Room {
    /// Room for so many.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Room { most, ..Room::default() }
    }

    /// Whether there are more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        [&self.records, &self.contents].iter().any(|met| met.load(Ordering::Relaxed) > self.most)
    }

    /// The sums depend on nothing but the inputs: each is of what every part of them adds to.
    pub fn add(&self, met: Met) {
        self.records.fetch_add(met.records as u64, Ordering::Relaxed);
        self.contents.fetch_add(met.contents as u64, Ordering::Relaxed);
    }

    /// Takes back what was added.
    pub fn remove(&self, met: Met) {
        self.records.fetch_sub(met.records as u64, Ordering::Relaxed);
        self.contents.fetch_sub(met.contents as u64, Ordering::Relaxed);
    }
}

/// Records, and contents: an input may be full of what no event is made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Met {
    /// What comes with every request or statement.
    pub records: usize,
    /// What finds copies.
    pub contents: usize,
}
