//! All packs, compiled: the embedded ones and those a user adds.

use crate::record::identity_event::IdentityEventPlan;
use crate::record::request::RequestPlan;
use crate::record::revocation_ticket::TicketPlan;
use crate::source::decode::json::{FieldPlan, KeyRules};
use crate::source::pack::{PackFile, parse_pack};
use crate::source::plan::Compiler;
use chrono_tz::Tz;
use include_dir::{Dir, include_dir};
use regex::Regex;
use std::collections::BTreeMap;

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/source/packs");

/// A pack ready to read records.
#[derive(Debug)]
pub struct Pack {
    pub file: PackFile,
    /// The TOML it was read from.
    pub text: String,
    pub zone: Tz,
    pub plan: FieldPlan,
    pub matches: BTreeMap<String, Regex>,
    pub request: Option<RequestPlan>,
    pub identity_event: Option<IdentityEventPlan>,
    pub ticket: Option<TicketPlan>,
}

impl Pack {
    /// Compiles a pack; the error names it and what is wrong.
    pub fn compile(text: &str, name: &str) -> Result<Pack, String> {
        let file = parse_pack(name, text)?;
        let mut compiler = Compiler::default();
        let request = file.request.as_ref().map(|map| RequestPlan::compile(map, &mut compiler)).transpose();
        let identity_event = file.identity_event.as_ref().map(|map| IdentityEventPlan::compile(&file.id, map, &mut compiler)).transpose();
        let ticket = file.ticket.as_ref().map(|map| TicketPlan::compile(map, &mut compiler)).transpose();
        let in_pack = |error: String| format!("pack {name}: {error}");
        let (request, identity_event, ticket) = (request.map_err(in_pack)?, identity_event.map_err(in_pack)?, ticket.map_err(in_pack)?);
        let zone = match &file.zone {
            Some(zone) => zone.parse().map_err(|_| in_pack(format!("`{zone}` is no time zone")))?,
            None => Tz::UTC,
        };
        let matches = file.detect.matches.iter().map(|(path, pattern)| Ok((path.clone(), Regex::new(pattern)?)));
        let matches = matches.collect::<Result<_, regex::Error>>().map_err(|error| in_pack(error.to_string()))?;
        let rules = KeyRules { ignore_case: file.keys.ignore_case.clone(), flat: file.keys.flat };
        let plan = FieldPlan::with_envelopes(&compiler.paths, &rules, &file.unwrap);
        Ok(Pack { text: text.to_string(), zone, plan, matches, request, identity_event, ticket, file })
    }

    /// The format id that stands in `source`.
    pub fn id(&self) -> &str {
        &self.file.id
    }
}

/// The packs in a fixed order; a user's pack with the id of an embedded one takes its place.
#[derive(Debug)]
pub struct Library {
    pub packs: Vec<Pack>,
}

impl Library {
    /// Compiles the embedded packs and the given ones (name, text).
    pub fn new(user_packs: &[(String, String)]) -> Result<Library, String> {
        let mut packs: BTreeMap<String, Pack> = BTreeMap::new();
        for file in embedded_files() {
            let pack = Pack::compile(file.1, &file.0)?;
            packs.insert(pack.file.id.clone(), pack);
        }
        for (name, text) in user_packs {
            let pack = Pack::compile(text, name)?;
            packs.insert(pack.file.id.clone(), pack);
        }
        Ok(Library { packs: packs.into_values().collect() })
    }

    /// The index of a pack by id.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.packs.iter().position(|pack| pack.id() == id)
    }
}

/// Path and text of every embedded pack, by path.
fn embedded_files() -> Vec<(String, &'static str)> {
    let mut files: Vec<(String, &'static str)> = EMBEDDED
        .dirs()
        .flat_map(|dir| dir.files())
        .filter_map(|file| Some((file.path().to_string_lossy().into_owned(), file.contents_utf8()?)))
        .collect();
    files.sort();
    files
}
