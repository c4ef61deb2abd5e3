//! `credlens init`: a commented configuration, empty inventories and an empty exception register; nothing is overwritten.

use crate::cli::CommandResult;
use crate::cli::args::{Global, InitArgs};
use crate::cli::commands::print;
use crate::diagnostic::Failure;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Every key of credlens.toml, commented.
pub const CONFIG: &str = include_str!("../templates/credlens.toml");

/// Path and text of each file, in the order in which they are written.
const FILES: [(&str, &str); 5] = [
    ("credlens.toml", CONFIG),
    ("inventory/identities.csv", "identity,aliases,kind,owner,owner_status,environment,criticality,created_at\n"),
    ("inventory/apis.csv", "api,owner,environment,criticality,is_external,declared_proof,required_scopes\n"),
    ("inventory/grants.csv", "identity,scope,api,granted_at,removed_at\n"),
    ("inventory/exceptions.toml", include_str!("../templates/exceptions.toml")),
];

/// Where logs go.
const LOGS: &str = "logs";

/// Runs the command.
pub fn command(args: &InitArgs, global: &Global) -> CommandResult {
    write_files(&args.folder)?;
    let mut text = String::new();
    for (name, _) in FILES {
        text += &format!("wrote {}\n", args.folder.join(name).display());
    }
    let config = args.folder.join("credlens.toml");
    let flag = if args.folder == Path::new(".") { String::new() } else { format!(" --config {}", config.display()) };
    text += &format!("Next: put your logs into {}, then `credlens check{flag}`\n", args.folder.join(LOGS).display());
    if global.quiet {
        text.clear();
    }
    print(text.as_bytes())
}

/// Writes all files, or none where one exists.
fn write_files(folder: &Path) -> Result<(), Failure> {
    if let Some((name, _)) = FILES.iter().find(|(name, _)| folder.join(name).symlink_metadata().is_ok()) {
        return Err(
            Failure::new("A020", format!("`{}` exists; nothing was written", folder.join(name).display())).hint("name another folder: `credlens init DIR`")
        );
    }
    let output = |place: &Path, error| Failure::io("A020", place.display().to_string(), error);
    for made in [folder.join("inventory"), folder.join(LOGS)] {
        std::fs::create_dir_all(&made).map_err(|error| output(&made, error))?;
    }
    for (name, text) in FILES {
        let place = folder.join(name);
        // Refuses, too, what came into being since the look above.
        let file = OpenOptions::new().write(true).create_new(true).open(&place);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| output(&place, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::detect::{Detected, detect};
    use crate::source::library::Library;

    #[test]
    fn what_init_writes_is_known_and_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        write_files(folder.path()).unwrap();
        let library = Library::new(&[]).unwrap();
        for (name, pack) in [("identities.csv", "inventory_identities"), ("apis.csv", "inventory_apis"), ("grants.csv", "inventory_grants")] {
            let text = std::fs::read(folder.path().join("inventory").join(name)).unwrap();
            assert!(matches!(detect(&library, None, &text, true), Detected::Pack { pack: found, .. } if library.packs[found].id() == pack), "{name}");
        }
        assert_eq!(detect(&library, None, &std::fs::read(folder.path().join("inventory/exceptions.toml")).unwrap(), true), Detected::Empty);
        std::fs::remove_file(folder.path().join("credlens.toml")).unwrap();
        assert!(write_files(folder.path()).unwrap_err().message.contains("identities.csv` exists"));
        assert!(!folder.path().join("credlens.toml").exists());
    }

    #[test]
    fn the_columns_are_those_that_the_reader_knows() {
        let frames = crate::frame::schema::frames();
        for (index, frame) in [(1, "inventory_identities"), (2, "inventory_apis"), (3, "inventory_grants")] {
            let columns: Vec<&str> = FILES[index].1.trim().split(',').collect();
            for column in frames[frame].iter().filter(|column| !column.name.ends_with("_us")) {
                assert!(columns.contains(&column.name.as_str()), "{frame} {}", column.name);
            }
        }
    }
}
