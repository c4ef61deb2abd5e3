//! All packs, compiled: the embedded ones and those a user adds.

use crate::record::identity_event::IdentityEventPlan;
use crate::record::request::RequestPlan;
use crate::record::revocation_ticket::TicketPlan;
use crate::record::time;
use crate::source::decode::Decoder;
use crate::source::document::DocumentPlan;
use crate::source::join::JoinPlan;
use crate::source::lazy_regex::LazyRegex;
use crate::source::pack::{DecoderKind, Detect, PackError, PackFile, parse_changed_pack, parse_pack};
use crate::source::plan::Compiler;
use chrono_tz::Tz;
use include_dir::{Dir, include_dir};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/source/packs");

/// A pack ready to read records.
#[derive(Debug)]
pub struct Pack {
    pub file: PackFile,
    /// The TOML it was read from.
    pub text: String,
    pub zone: Tz,
    /// Date of instants that have none, in days since 1970.
    pub date: Option<i64>,
    pub decoder: Decoder,
    pub columns: DetectColumns,
    pub matches: BTreeMap<String, LazyRegex>,
    pub join: Option<JoinPlan>,
    /// Every native field that it looks at, as written.
    pub looked_at: BTreeSet<String>,
    pub request: Option<RequestPlan>,
    pub identity_event: Option<IdentityEventPlan>,
    pub ticket: Option<TicketPlan>,
    /// Of a pack that reads inventory documents.
    pub document: Option<DocumentPlan>,
}

/// The columns that detection of a text format looks at, as slots.
#[derive(Debug, Clone, Default)]
pub struct DetectColumns {
    pub required: Vec<usize>,
    pub any_of: Vec<Vec<usize>>,
    pub none_of: Vec<usize>,
    /// In the order of `Pack::matches`.
    pub matches: Vec<usize>,
}

impl DetectColumns {
    fn compile(detect: &Detect, compiler: &mut Compiler) -> Self {
        let mut slots = |paths: &[String]| paths.iter().map(|path| compiler.column(path)).collect::<Vec<_>>();
        DetectColumns {
            required: slots(&detect.required),
            any_of: detect.any_of.iter().map(|group| slots(group)).collect(),
            none_of: slots(&detect.none_of),
            matches: slots(&detect.matches.keys().cloned().collect::<Vec<_>>()),
        }
    }
}

impl Pack {
    /// Compiles a pack; `name` is its file.
    pub fn compile(text: &str, name: &str) -> Result<Pack, PackError> {
        Pack::of_file(parse_pack(name, text)?, text, name)
    }

    /// The pack with the user's settings in place of its own.
    fn changed(&self, changes: &toml::Table) -> Result<Pack, PackError> {
        let file = parse_changed_pack(self.id(), &self.text, changes)?;
        Pack::of_file(file, &self.text, self.id()).map_err(|error| error.changed_by(&format!("sources.{}", self.id())))
    }

    fn of_file(file: PackFile, text: &str, name: &str) -> Result<Pack, PackError> {
        let mut compiler = Compiler::default();
        let request = file.request.as_ref().map(|map| RequestPlan::compile(map, &mut compiler)).transpose();
        let identity_event = file.identity_event.as_ref().map(|map| IdentityEventPlan::compile(&file.id, map, &mut compiler)).transpose();
        let ticket = file.ticket.as_ref().map(|map| TicketPlan::compile(&file.id, map, &mut compiler)).transpose();
        let join = file.join.as_ref().map(|join| JoinPlan::compile(join, &mut compiler)).transpose();
        let in_pack = |error: String| PackError::new(name, text, error);
        let document = file.inventory.as_ref().filter(|_| file.decoder == DecoderKind::Document);
        let document = document.map(|map| DocumentPlan::compile(map, file.keys.flat)).transpose().map_err(in_pack)?;
        let (request, identity_event, ticket) = (request.map_err(in_pack)?, identity_event.map_err(in_pack)?, ticket.map_err(in_pack)?);
        let join = join.map_err(in_pack)?;
        let zone = match &file.zone {
            Some(zone) => zone.parse().map_err(|_| in_pack(format!("`{zone}` is no time zone")))?,
            None => Tz::UTC,
        };
        let day = |text: &String| time::parse_iso(text.as_bytes(), Tz::UTC).filter(|_| text.len() == 10).map(time::day_of);
        let date = file.date.as_ref().map(|text| day(text).ok_or_else(|| in_pack(format!("`{text}` is no date such as 2026-05-20")))).transpose()?;
        let matches = file.detect.matches.iter().map(|(path, pattern)| Ok((path.clone(), LazyRegex::new(pattern)?)));
        let matches = matches.collect::<Result<_, String>>().map_err(in_pack)?;
        let columns = if file.decoder.is_text() { DetectColumns::compile(&file.detect, &mut compiler) } else { DetectColumns::default() };
        let decoder = Decoder::compile(&file, &compiler.paths).map_err(in_pack)?;
        Ok(Pack {
            text: text.to_string(),
            zone,
            date,
            decoder,
            columns,
            matches,
            join,
            looked_at: compiler.looked_at,
            request,
            identity_event,
            ticket,
            document,
            file,
        })
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
    pub fn new(user_packs: &[(String, String)]) -> Result<Library, PackError> {
        Library::with_changes(user_packs, &BTreeMap::new())
    }

    /// As `new`, with the user's settings for some packs, by id.
    pub fn with_changes(user_packs: &[(String, String)], changes: &BTreeMap<String, toml::Table>) -> Result<Library, PackError> {
        // Side by side: a third of a small run's time is the compilation of patterns.
        let embedded: Vec<Pack> = embedded_files().par_iter().map(|(name, text)| Pack::compile(text, name)).collect::<Result<_, _>>()?;
        let mut packs: BTreeMap<String, Pack> = embedded.into_iter().map(|pack| (pack.file.id.clone(), pack)).collect();
        for (name, text) in user_packs {
            let pack = Pack::compile(text, name)?;
            packs.insert(pack.file.id.clone(), pack);
        }
        for (id, changes) in changes {
            let pack = packs.get_mut(id).ok_or_else(|| no_such_pack(id))?;
            *pack = pack.changed(changes)?;
        }
        Ok(Library { packs: packs.into_values().collect() })
    }

    /// The index of a pack by id.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.packs.iter().position(|pack| pack.id() == id)
    }
}

fn no_such_pack(id: &str) -> PackError {
    let error = PackError::new(id, "", format!("no pack is called `{id}`")).changed_by(&format!("sources.{id}"));
    PackError { hint: "`credlens list packs` lists them".into(), ..error }
}

/// Path and text of every embedded pack, by path.
fn embedded_files() -> Vec<(String, &'static str)> {
    let mut files: Vec<(String, &'static str)> =
        EMBEDDED.dirs().flat_map(|dir| dir.files()).filter_map(|file| Some((file.path().to_string_lossy().into_owned(), file.contents_utf8()?))).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_a_pack_cannot_take_are_refused() {
        let with = |id: &str, text: &str| {
            Library::with_changes(&[], &[(id.to_string(), toml::from_str(text).unwrap())].into()).map(|_| ()).map_err(|error| error.to_string())
        };
        assert!(with("kong", "[text]\nformats=['$a']").unwrap_err().contains("takes no format string"));
        assert!(with("nope", "year=2026").unwrap_err().contains("no pack is called `nope`"));
        assert!(with("nginx", "[text]\nformats=['$a$b']").unwrap_err().contains("between `$a` and `$b`"));
        assert_eq!(with("nginx", "[text]\nformats=['$remote_addr [$time_local] \"$request\" $status $x']"), Ok(()));
    }
}
