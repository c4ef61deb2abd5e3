//! Calls as columns: one store per worker while reading, then one order over all of them.

use crate::frame::interner::{Interner, NULL, StoredStrings, Strings};
use crate::frame::segment::{Segment, Spill};
use crate::record::decision::{Decision, Violation};
use crate::record::proof::{AuthScheme, Bound, Certificate, Confirmation, Evidence, Peer, Proof, proof_of};
use crate::record::request::RequestRow;
use crate::source::plan::ScopeText;
use std::io;
use std::path::PathBuf;

/// Columns that hold few distinct strings, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Text {
    Gateway,
    Api,
    Method,
    Route,
    Identity,
    Credential,
    TokenType,
    Policy,
    ClientAddress,
    Environment,
    /// Scope lists: sorted, distinct, joined by a line break; an empty known list is the empty string.
    ScopeSet,
    RequiredSet,
}

/// How many text columns there are.
pub const TEXTS: usize = 12;

/// No instant.
pub const NO_INSTANT: i64 = i64::MIN;
/// No status.
pub const NO_STATUS: i16 = -1;
const NO_VIOLATION: u8 = u8::MAX;

/// Bytes of a call in memory, without its request id.
const ROW_BYTES: usize = TEXTS * 4 + 3 * 8 + 4 + 8 + 2 + 2 + 3 + 8;

/// Separates the scopes of a set in its spelling.
pub const SCOPE_SEPARATOR: char = '\n';

/// The calls one worker has read: those in memory, those already on disk, and the strings of both.
#[derive(Default)]
pub struct RequestStore {
    texts: [Interner; TEXTS],
    /// Where the strings are, if a file has them in place of `texts`.
    stored: Option<StoredTexts>,
    pub rows: RequestRows,
    /// Sorted runs of calls that memory had no room for.
    pub segments: Vec<Segment>,
    /// Scope texts met before, and their sets.
    scope_texts: Interner,
    sets_of_texts: Vec<[u32; 2]>,
}

/// The strings of a store in a file.
#[derive(Debug, Clone)]
pub struct StoredTexts {
    pub path: PathBuf,
    pub places: [StoredStrings; TEXTS],
}

/// Calls as columns; strings are numbers of a store's `texts`.
#[derive(Default)]
pub struct RequestRows {
    pub symbols: [Vec<u32>; TEXTS],
    pub event_us: Vec<i64>,
    pub file: Vec<u32>,
    pub record: Vec<u64>,
    pub token_issued_us: Vec<i64>,
    pub token_expires_us: Vec<i64>,
    pub status: Vec<i16>,
    pub decision: Vec<u8>,
    pub violation: Vec<u8>,
    pub evidence: Vec<u16>,
    pub scheme: Vec<u8>,
    pub request_ids: Vec<u8>,
    pub request_id_ends: Vec<u64>,
}

impl RequestStore {
    /// Calls that a file has, and their strings.
    pub fn of_file(texts: StoredTexts, segments: Vec<Segment>) -> Self {
        RequestStore { stored: Some(texts), segments, ..RequestStore::default() }
    }

    /// The strings of a column, in the order of their numbers.
    pub fn strings(&self, column: Text) -> io::Result<Strings<'_>> {
        match &self.stored {
            None => Ok(Strings::Held(&self.texts[column as usize])),
            Some(stored) => Strings::load(&stored.path, &stored.places[column as usize]),
        }
    }

    /// The strings in memory, by column.
    pub fn texts(&self) -> &[Interner; TEXTS] {
        &self.texts
    }

    /// Adds a call.
    pub fn push(&mut self, row: &RequestRow<'_>, file: u32, record: u64) {
        let texts: [Option<&str>; TEXTS - 2] = [
            row.gateway.as_deref(),
            row.api.as_deref(),
            row.method.as_deref(),
            row.route.as_deref(),
            row.identity_seen.as_deref(),
            row.credential.as_deref(),
            row.token_type.as_deref(),
            row.policy.as_deref(),
            row.client_address.as_deref(),
            row.environment.as_deref(),
        ];
        for ((column, interner), text) in self.rows.symbols.iter_mut().zip(&mut self.texts).zip(texts) {
            column.push(interner.intern_option(text));
        }
        for (column, scopes) in [(Text::ScopeSet, &row.scopes), (Text::RequiredSet, &row.required_scopes)] {
            let set = self.set_of(column, scopes.as_ref());
            self.rows.symbols[column as usize].push(set);
        }
        let rows = &mut self.rows;
        rows.event_us.push(row.event_us);
        rows.file.push(file);
        rows.record.push(record);
        rows.token_issued_us.push(row.token_issued_us.unwrap_or(NO_INSTANT));
        rows.token_expires_us.push(row.token_expires_us.unwrap_or(NO_INSTANT));
        rows.status.push(row.status.unwrap_or(NO_STATUS));
        rows.decision.push(row.decision as u8);
        rows.violation.push(row.violation.map_or(NO_VIOLATION, |violation| violation as u8));
        rows.evidence.push(pack_evidence(&row.evidence));
        rows.scheme.push(row.evidence.scheme as u8);
        if let Some(id) = &row.request_id {
            rows.request_ids.extend_from_slice(id.as_bytes());
        }
        rows.request_id_ends.push(rows.request_ids.len() as u64);
    }

    /// The number of a set; a text that was split before is not split again.
    fn set_of(&mut self, column: Text, scopes: Option<&ScopeText<'_>>) -> u32 {
        let which = usize::from(column == Text::RequiredSet);
        match scopes {
            None => NULL,
            Some(ScopeText::List(list)) => self.texts[column as usize].intern(&joined(list)),
            Some(ScopeText::Raw(text)) => {
                let number = self.scope_texts.intern(text) as usize;
                if number == self.sets_of_texts.len() {
                    self.sets_of_texts.push([NULL; 2]);
                }
                if self.sets_of_texts[number][which] == NULL {
                    self.sets_of_texts[number][which] = self.texts[column as usize].intern(&joined(&crate::record::scope::split(text)));
                }
                self.sets_of_texts[number][which]
            }
        }
    }

    /// Puts the calls in memory on disk, as one sorted run; their strings stay.
    pub fn spill(&mut self, spill: &Spill) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let segment = Segment::write(spill, &self.rows)?;
        self.segments.push(segment);
        self.rows.clear();
        Ok(())
    }
}

impl RequestRows {
    pub fn len(&self) -> usize {
        self.event_us.len()
    }

    pub fn is_empty(&self) -> bool {
        self.event_us.is_empty()
    }

    /// Bytes of memory that the rows take, about.
    pub fn bytes(&self) -> usize {
        self.len() * ROW_BYTES + self.request_ids.len()
    }

    /// Row numbers in the frame's order: by instant, file and record.
    pub fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        let key = |row: u32| (self.event_us[row as usize], self.file[row as usize], self.record[row as usize]);
        order.sort_unstable_by_key(|&row| key(row));
        order
    }

    /// Forgets the rows and keeps their memory for the next ones.
    fn clear(&mut self) {
        self.symbols.iter_mut().for_each(Vec::clear);
        for column in [&mut self.event_us, &mut self.token_issued_us, &mut self.token_expires_us] {
            column.clear();
        }
        self.file.clear();
        self.record.clear();
        self.status.clear();
        self.evidence.clear();
        for column in [&mut self.decision, &mut self.violation, &mut self.scheme, &mut self.request_ids] {
            column.clear();
        }
        self.request_id_ends.clear();
    }

    /// The gateway's own id of a call; absent ids are empty, which no id is.
    pub fn request_id(&self, row: usize) -> Option<&str> {
        let start = if row == 0 { 0 } else { self.request_id_ends[row - 1] as usize };
        let bytes = &self.request_ids[start..self.request_id_ends[row] as usize];
        (!bytes.is_empty()).then(|| std::str::from_utf8(bytes).expect("ids are strings"))
    }

    pub fn symbol(&self, column: Text, row: usize) -> u32 {
        self.symbols[column as usize][row]
    }

    pub fn decision(&self, row: usize) -> Decision {
        Decision::ALL[self.decision[row] as usize]
    }

    pub fn violation(&self, row: usize) -> Option<Violation> {
        Violation::ALL.get(self.violation[row] as usize).copied()
    }

    pub fn scheme(&self, row: usize) -> AuthScheme {
        AuthScheme::ALL[self.scheme[row] as usize]
    }

    /// The proof of a call, with the IdP's word on its credential.
    pub fn proof(&self, row: usize, bound: Option<Bound>) -> Proof {
        proof_of(&unpack_evidence(self.evidence[row], self.scheme(row)), bound)
    }
}

fn joined(scopes: &[String]) -> String {
    scopes.join("\n")
}

/// The strings of several stores under one numbering.
pub struct UnifiedText {
    pub all: Interner,
    /// For each store, its number -> the common number.
    pub maps: Vec<Vec<u32>>,
}

impl UnifiedText {
    /// Unifies one text column; `sorted` order makes the numbers independent of who read what.
    pub fn new(stores: &[RequestStore], column: Text) -> io::Result<Self> {
        let (mut met, mut maps) = (Interner::default(), Vec::with_capacity(stores.len()));
        for store in stores {
            maps.push(store.strings(column)?.iter().map(|text| met.intern(text)).collect::<Vec<u32>>());
        }
        let mut order: Vec<u32> = (0..met.len() as u32).collect();
        order.sort_unstable_by_key(|&number| met.get(number));
        let (mut all, mut places) = (Interner::default(), vec![0; met.len()]);
        for number in order {
            places[number as usize] = all.intern(met.get(number));
        }
        maps.iter_mut().flatten().for_each(|number| *number = places[*number as usize]);
        Ok(UnifiedText { all, maps })
    }

    /// The common number of a store's number.
    pub fn map(&self, store: usize, symbol: u32) -> u32 {
        if symbol == NULL { NULL } else { self.maps[store][symbol as usize] }
    }
}

/// Everything of `Evidence` but its scheme, in 16 bits.
fn pack_evidence(evidence: &Evidence) -> u16 {
    let certificate = match evidence.certificate {
        Certificate::Verified => 0,
        Certificate::Absent => 1,
        Certificate::NotShown => 2,
    };
    let confirmation = match evidence.confirmation {
        Confirmation::TokenUnreadable => 0,
        Confirmation::Absent => 1,
        Confirmation::Jkt => 2,
        Confirmation::Thumbprint(Peer::Equal) => 3,
        Confirmation::Thumbprint(Peer::Different) => 4,
        Confirmation::Thumbprint(Peer::NotLogged) => 5,
    };
    let flags = [evidence.is_accepted, evidence.has_dpop_header, evidence.shows_signs, evidence.verifies_dpop, evidence.verifies_mtls];
    let flags = flags.iter().enumerate().fold(0, |bits, (i, &flag)| bits | u16::from(flag) << i);
    flags | certificate << 5 | confirmation << 7
}

fn unpack_evidence(bits: u16, scheme: AuthScheme) -> Evidence {
    let flag = |i: u16| bits >> i & 1 == 1;
    Evidence {
        scheme,
        is_accepted: flag(0),
        has_dpop_header: flag(1),
        shows_signs: flag(2),
        verifies_dpop: flag(3),
        verifies_mtls: flag(4),
        certificate: [Certificate::Verified, Certificate::Absent, Certificate::NotShown][(bits >> 5 & 3) as usize],
        confirmation: match bits >> 7 {
            0 => Confirmation::TokenUnreadable,
            1 => Confirmation::Absent,
            2 => Confirmation::Jkt,
            3 => Confirmation::Thumbprint(Peer::Equal),
            4 => Confirmation::Thumbprint(Peer::Different),
            _ => Confirmation::Thumbprint(Peer::NotLogged),
        },
    }
}

/// A call at an instant of which nothing else is known.
#[cfg(test)]
pub fn sample_row(event_us: i64) -> RequestRow<'static> {
    RequestRow {
        event_us,
        gateway: None,
        request_id: None,
        api: None,
        method: None,
        route: None,
        identity_seen: None,
        credential: None,
        token_type: None,
        token_issued_us: None,
        token_expires_us: None,
        scopes: None,
        required_scopes: None,
        status: None,
        decision: Decision::Unknown,
        violation: None,
        policy: None,
        client_address: None,
        environment: None,
        evidence: unpack_evidence(0, AuthScheme::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_survives_packing() {
        for certificate in [Certificate::Verified, Certificate::Absent, Certificate::NotShown] {
            for confirmation in [
                Confirmation::TokenUnreadable,
                Confirmation::Absent,
                Confirmation::Jkt,
                Confirmation::Thumbprint(Peer::Equal),
                Confirmation::Thumbprint(Peer::Different),
                Confirmation::Thumbprint(Peer::NotLogged),
            ] {
                for bits in 0..32u8 {
                    let flag = |i: u8| bits >> i & 1 == 1;
                    let evidence = Evidence {
                        scheme: AuthScheme::Bearer,
                        certificate,
                        confirmation,
                        is_accepted: flag(0),
                        has_dpop_header: flag(1),
                        shows_signs: flag(2),
                        verifies_dpop: flag(3),
                        verifies_mtls: flag(4),
                    };
                    assert_eq!(unpack_evidence(pack_evidence(&evidence), AuthScheme::Bearer), evidence);
                }
            }
        }
    }
}
