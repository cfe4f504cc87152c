//! Interned texts: paths, methods and statements come by the million and are few.

use std::hash::Hasher;

use hashbrown::HashTable;
use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};

/// Most distinct texts kept per input; further ones become `(other)`, so that hostile paths cannot fill memory.
const MOST: usize = 200_000;
/// What stands for further ones.
const OTHER: &str = "(other)";

/// Texts by number. Number 0 is the empty text. All lie one behind the other in one piece of memory. In a summary they are
/// a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Texts {
    all: String,
    /// Where each ends.
    ends: Vec<u32>,
    /// Their numbers, by hash.
    index: HashTable<u32>,
    /// Short texts that were asked for last, such as methods, by length, filled up with zeros, and their numbers.
    short: [([u8; 8], u32); 8],
}

impl Default for Texts {
    fn default() -> Self {
        Texts::from(vec![String::new()])
    }
}

impl From<Vec<String>> for Texts {
    fn from(list: Vec<String>) -> Self {
        let mut texts = Texts {
            all: String::new(),
            ends: Vec::new(),
            index: HashTable::new(),
            short: Default::default(),
        };
        for text in &list {
            let hash = hash(text.as_bytes());
            // A text that comes again, as secrets do that were masked, is found by its first number.
            match texts.find(text.as_bytes(), hash) {
                None => _ = texts.push(text, hash),
                Some(_) => {
                    texts.all.push_str(text);
                    texts.ends.push(end(texts.all.len()));
                }
            }
        }
        texts
    }
}

impl From<Texts> for Vec<String> {
    fn from(texts: Texts) -> Self {
        texts.list().map(str::to_owned).collect()
    }
}

impl Texts {
    /// Forgets all texts but the empty one, and keeps the memory.
    pub fn clear(&mut self) {
        let Texts { all, ends, index, short } = self;
        all.clear();
        ends.clear();
        index.clear();
        *short = Default::default();
        self.push("", hash(b""));
    }

    /// The number of `text`, added if new.
    pub fn add(&mut self, text: &str) -> u32 {
        self.add_lossy(text.as_bytes())
    }

    /// The number of a text in which what is no UTF-8 is replaced, added if new. What is known already is valid.
    pub fn add_lossy(&mut self, text: &[u8]) -> u32 {
        let length = text.len();
        if length == 0 {
            return 0;
        }
        let mut padded = [0; 8];
        let (Some((known, number)), Some(front)) = (self.short.get(length), padded.get_mut(..length)) else {
            return self.look_up(text);
        };
        front.copy_from_slice(text);
        if *known == padded && *number != 0 {
            return *number;
        }
        let number = self.look_up(text);
        if let Some(short) = self.short.get_mut(length) {
            *short = (padded, number);
        }
        number
    }

    fn look_up(&mut self, text: &[u8]) -> u32 {
        let hash = hash(text);
        if let Some(number) = self.find(text, hash) {
            return number;
        }
        // The check of the standard library is many times faster than its replacing copy.
        let Ok(valid) = std::str::from_utf8(text) else {
            return self.add(&String::from_utf8_lossy(text));
        };
        if self.count() >= MOST {
            return self.find(OTHER.as_bytes(), self::hash(OTHER.as_bytes())).unwrap_or(0);
        }
        if self.count() == MOST - 1 && valid != OTHER {
            return self.add(OTHER);
        }
        self.push(valid, hash)
    }

    fn find(&self, text: &[u8], hash: u64) -> Option<u32> {
        self.index.find(hash, |number| self.get(*number).as_bytes() == text).copied()
    }

    /// Gives the next number to a text that has none yet.
    fn push(&mut self, text: &str, hash: u64) -> u32 {
        let Texts { all, ends, index, .. } = self;
        let number = u32::try_from(ends.len()).unwrap_or(0);
        all.push_str(text);
        ends.push(end(all.len()));
        index.insert_unique(hash, number, |number| self::hash(of(all, ends, *number).as_bytes()));
        number
    }

    /// Puts another text in the place of each that `change` has one for. Numbers stay what they are.
    pub fn change(&mut self, change: impl Fn(&str) -> Option<String>) {
        let changed = self.list().map(|text| change(text).unwrap_or_else(|| text.to_owned()));
        *self = Texts::from(changed.collect::<Vec<String>>());
    }

    fn list(&self) -> impl Iterator<Item = &str> {
        (0..).map_while(|number| ((number as usize) < self.count()).then(|| self.get(number)))
    }

    /// The text of a number; empty for a number that there is not.
    #[must_use]
    pub fn get(&self, number: u32) -> &str {
        of(&self.all, &self.ends, number)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.len()
    }
}

fn of<'t>(all: &'t str, ends: &[u32], number: u32) -> &'t str {
    let number = number as usize;
    let start = number.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    ends.get(number).and_then(|end| all.get(start as usize..*end as usize)).unwrap_or_default()
}

/// Behind 4 GiB, which no table reaches, texts would be empty.
fn end(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text);
    hasher.finish()
}

/// Numbers of one table's texts in another, which takes each in when it is first asked for.
pub struct Renumbering<'t> {
    from: &'t Texts,
    into: &'t mut Texts,
    known: Vec<Option<u32>>,
}

impl<'t> Renumbering<'t> {
    /// Nothing is asked for yet.
    pub fn new(from: &'t Texts, into: &'t mut Texts) -> Self {
        Renumbering { from, into, known: vec![None; from.count()] }
    }

    /// The number in the other table.
    pub fn number(&mut self, number: u32) -> u32 {
        let Some(known) = self.known.get_mut(number as usize) else { return 0 };
        *known.get_or_insert_with(|| self.into.add(self.from.get(number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_numbers() {
        let mut texts = Texts::default();
        let numbers: Vec<u32> = (0..5_000).map(|number| texts.add(&format!("/path/é{number}"))).collect();
        for (number, known) in numbers.iter().enumerate() {
            assert_eq!(texts.get(*known), format!("/path/é{number}"));
            assert_eq!(texts.add(&format!("/path/é{number}")), *known);
        }
        assert_eq!((texts.add(""), texts.get(0), texts.get(u32::MAX)), (0, "", ""));
        let mut other = Texts::default();
        let mut renumbering = Renumbering::new(&texts, &mut other);
        let last = *numbers.last().unwrap();
        assert_eq!((renumbering.number(last), renumbering.number(last)), (1, 1));
        assert_eq!(other.get(1), "/path/é4999");
    }

    #[test]
    fn texts_without_end_become_one() {
        let mut texts = Texts::default();
        for number in 0..MOST + 10 {
            texts.add(&number.to_string());
        }
        let other = texts.add("one more");
        assert_eq!(texts.get(other), OTHER);
        assert_eq!((texts.count(), texts.get(texts.clone().add("77"))), (MOST, "77"));
    }
}
