//! Strings -> small numbers, so that a column of a million spellings of forty APIs is a million small integers.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

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

    /// Appends the strings to a file, so that `Strings::load` finds them.
    pub fn store(&self, file: &mut File) -> io::Result<StoredStrings> {
        let start = file.seek(SeekFrom::End(0))?;
        let ends: Vec<u8> = self.ends[1..].iter().flat_map(|end| (*end as u64).to_le_bytes()).collect();
        file.write_all(&ends)?;
        file.write_all(&self.bytes)?;
        Ok(StoredStrings { start, count: self.len() as u64, bytes: self.bytes.len() as u64 })
    }
}

/// Where in a file the strings of an interner are.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct StoredStrings {
    start: u64,
    count: u64,
    bytes: u64,
}

impl StoredStrings {
    /// Whether all of it lies within the first bytes of a file.
    pub fn fits(&self, bytes: u64) -> bool {
        self.count.checked_mul(8).and_then(|ends| ends.checked_add(self.bytes)?.checked_add(self.start)).is_some_and(|end| end <= bytes)
    }
}

/// Strings in the order of their numbers, wherever they came from.
pub enum Strings<'a> {
    Held(&'a Interner),
    Loaded { text: String, ends: Vec<usize> },
}

impl Strings<'_> {
    /// Reads what `Interner::store` wrote.
    pub fn load(path: &Path, place: &StoredStrings) -> io::Result<Strings<'static>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(place.start))?;
        let mut ends = vec![0; place.count as usize * 8];
        file.read_exact(&mut ends)?;
        let mut bytes = vec![0; place.bytes as usize];
        file.read_exact(&mut bytes)?;
        let ends: Vec<usize> = ends.chunks_exact(8).map(|end| u64::from_le_bytes(end.try_into().expect("eight bytes")) as usize).collect();
        let text = String::from_utf8(bytes).map_err(io::Error::other)?;
        if !ends.is_sorted() || !ends.iter().all(|end| text.is_char_boundary(*end)) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{}: strings that do not end where they should", path.display())));
        }
        Ok(Strings::Loaded { text, ends })
    }

    pub fn len(&self) -> usize {
        match self {
            Strings::Held(interner) => interner.len(),
            Strings::Loaded { ends, .. } => ends.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn get(&self, number: usize) -> &str {
        match self {
            Strings::Held(interner) => interner.get(number as u32),
            Strings::Loaded { text, ends } => &text[number.checked_sub(1).map_or(0, |before| ends[before])..ends[number]],
        }
    }

    /// All strings in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|number| self.get(number))
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

    #[test]
    fn stored_strings_come_back_and_broken_ones_do_not() {
        let named = tempfile::NamedTempFile::new().unwrap();
        let mut file = named.reopen().unwrap();
        let (mut first, mut second) = (Interner::default(), Interner::default());
        for text in ["a", "", "ü"] {
            first.intern(text);
        }
        second.intern("b");
        let (first_place, second_place) = (first.store(&mut file).unwrap(), second.store(&mut file).unwrap());
        let loaded = |place| Strings::load(named.path(), &place).map(|strings| strings.iter().map(str::to_string).collect::<Vec<_>>());
        assert_eq!((loaded(first_place).unwrap(), loaded(second_place).unwrap()), (vec!["a".into(), "".into(), "ü".into()], vec!["b".to_string()]));
        assert!(loaded(Interner::default().store(&mut file).unwrap()).unwrap().is_empty());
        let size = file.metadata().unwrap().len();
        assert!(second_place.fits(size) && !second_place.fits(size - 1));
        assert!(loaded(StoredStrings { start: 8, ..first_place }).is_err());
        assert!(loaded(StoredStrings { bytes: size, ..first_place }).is_err());
        assert!(!StoredStrings { count: u64::MAX / 4, ..first_place }.fits(u64::MAX));
    }
}
