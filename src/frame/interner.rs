//! Strings -> small numbers, so that a column of a million spellings of forty APIs is a million small integers.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// No string: the log does not say.
pub const NULL: u32 = u32::MAX;

/// Gives each distinct string a dense number, in order of first sight.
pub struct Interner {
    table: HashTable<u32>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hasher: FixedState,
}

impl Default for Interner {
    fn default() -> Self {
        Interner { table: HashTable::new(), bytes: Vec::new(), ends: vec![0], hasher: FixedState::default() }
    }
}

impl Interner {
    /// The number of a string.
    pub fn intern(&mut self, text: &str) -> u32 {
        let hash = self.hasher.hash_one(text.as_bytes());
        let (bytes, ends, hasher) = (&mut self.bytes, &mut self.ends, &self.hasher);
        let get = |bytes: &[u8], ends: &[usize], symbol: u32| -> std::ops::Range<usize> {
            let _ = bytes;
            ends[symbol as usize]..ends[symbol as usize + 1]
        };
        if let Some(symbol) = self.table.find(hash, |&symbol| &bytes[get(bytes, ends, symbol)] == text.as_bytes()) {
            return *symbol;
        }
        let symbol = (ends.len() - 1) as u32;
        bytes.extend_from_slice(text.as_bytes());
        ends.push(bytes.len());
        self.table.insert_unique(hash, symbol, |&symbol| hasher.hash_one(&bytes[get(bytes, ends, symbol)]));
        symbol
    }

    /// The number of a string that may be missing.
    pub fn intern_option(&mut self, text: Option<&str>) -> u32 {
        text.map_or(NULL, |text| self.intern(text))
    }

    /// The number a string already has.
    pub fn find(&self, text: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(text.as_bytes());
        self.table.find(hash, |&symbol| self.get(symbol).as_bytes() == text.as_bytes()).copied()
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
