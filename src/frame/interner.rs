//! Strings -> small numbers, so that a column of a million spellings of forty APIs is a million small integers.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// No string: the log does not say.
pub const NULL: u32 = u32::MAX;

/// Gives each distinct string a dense number, in order of first sight.
pub struct Interner {
    table: HashTable<u32>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hasher: FixedState,
    /// The number given out last: columns repeat themselves.
    last: u32,
}

impl Default for Interner {
    fn default() -> Self {
        Interner { table: HashTable::new(), bytes: Vec::new(), ends: vec![0], hasher: FixedState::default(), last: NULL }
    }
}

impl Interner {
    /// The number of a string.
    pub fn intern(&mut self, text: &str) -> u32 {
        if self.last != NULL && self.bytes_of(self.last) == text.as_bytes() {
            return self.last;
        }
        let hash = hash_of(&self.hasher, text.as_bytes());
        if let Some(&symbol) = self.table.find(hash, |&symbol| self.bytes_of(symbol) == text.as_bytes()) {
            self.last = symbol;
            return symbol;
        }
        let symbol = (self.ends.len() - 1) as u32;
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len());
        let (bytes, ends, hasher) = (&self.bytes, &self.ends, &self.hasher);
        self.table.insert_unique(hash, symbol, |&symbol| hash_of(hasher, &bytes[ends[symbol as usize]..ends[symbol as usize + 1]]));
        self.last = symbol;
        symbol
    }

    /// The number of a string that may be missing.
    pub fn intern_option(&mut self, text: Option<&str>) -> u32 {
        text.map_or(NULL, |text| self.intern(text))
    }

    /// The number a string already has.
    pub fn find(&self, text: &str) -> Option<u32> {
        let hash = hash_of(&self.hasher, text.as_bytes());
        self.table.find(hash, |&symbol| self.bytes_of(symbol) == text.as_bytes()).copied()
    }

    fn bytes_of(&self, symbol: u32) -> &[u8] {
        &self.bytes[self.ends[symbol as usize]..self.ends[symbol as usize + 1]]
    }

    /// The string of a number.
    pub fn get(&self, symbol: u32) -> &str {
        let range = self.ends[symbol as usize]..self.ends[symbol as usize + 1];
        std::str::from_utf8(&self.bytes[range]).expect("only strings are interned")
    }

    /// The string of a number that may be `NULL`.
    pub fn get_option(&self, symbol: u32) -> Option<&str> {
        (symbol != NULL).then(|| self.get(symbol))
    }

    pub fn len(&self) -> usize {
        self.ends.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All strings in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len() as u32).map(|symbol| self.get(symbol))
    }
}

fn hash_of(hasher: &FixedState, bytes: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_have_one_number() {
        let mut interner = Interner::default();
        let numbers: Vec<u32> = ["a", "", "b", "a", ""].iter().map(|text| interner.intern(text)).collect();
        assert_eq!(numbers, [0, 1, 2, 0, 1]);
        for i in 0..5000 {
            interner.intern(&format!("text {i}"));
        }
        assert_eq!(interner.find("text 4321").map(|symbol| interner.get(symbol)), Some("text 4321"));
        assert_eq!((interner.intern_option(None), interner.get_option(NULL), interner.len()), (NULL, None, 5003));
    }
}
