//! Paths, folders and globs -> the files to read, sorted, each once.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

/// A file to read, and what became of paths that lead to none.
#[derive(Debug, Default)]
pub struct Discovery {
    /// In path order; the order of files is the order in which replayed records count as duplicates.
    pub files: Vec<PathBuf>,
    /// Paths that could not be read, with the reason.
    pub problems: Vec<(PathBuf, String)>,
}

/// Folders deeper than this are not entered.
const MAX_FOLDER_DEPTH: usize = 64;

/// Finds all files of the given paths. Hidden files, and run folders of credlens itself, are passed over in folders;
/// a path named outright is always taken. A link to a folder that is being walked is not followed twice.
pub fn discover(paths: &[String]) -> Discovery {
    let mut found = BTreeSet::new();
    let mut problems = Vec::new();
    // In order: where links lead to one folder by two ways, which of them names the files must not depend on who came first.
    let mut paths = paths.to_vec();
    paths.sort();
    paths.dedup();
    let mut walked = HashSet::new();
    for path in &paths {
        if Path::new(path).exists() {
            add(Path::new(path), &mut found, &mut problems, &mut walked);
            continue;
        }
        match glob::glob(path) {
            Ok(entries) => {
                let before = found.len();
                let mut any = false;
                for entry in entries {
                    any = true;
                    match entry {
                        Ok(entry) => add(&entry, &mut found, &mut problems, &mut walked),
                        Err(error) => problems.push((error.path().to_path_buf(), error.error().to_string())),
                    }
                }
                if !any && found.len() == before {
                    problems.push((PathBuf::from(path), "no such file or folder".into()));
                }
            }
            Err(error) => problems.push((PathBuf::from(path), format!("neither a path nor a pattern: {error}"))),
        }
    }
    // Byte order of the whole path, not component by component: the order that `sort` and `ls` users see in a listing.
    let mut files: Vec<PathBuf> = found.into_iter().collect();
    files.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    Discovery { files, problems }
}

type Problems = Vec<(PathBuf, String)>;

fn add(path: &Path, found: &mut BTreeSet<PathBuf>, problems: &mut Problems, walked: &mut HashSet<PathBuf>) {
    let mut open_folders = Vec::new();
    walk(path, found, problems, walked, &mut open_folders);
}

/// `walked` holds the real paths of all folders entered so far: folders that link to each other would else be walked in every
/// order there is. `open_folders` are those above this path.
fn walk(path: &Path, found: &mut BTreeSet<PathBuf>, problems: &mut Problems, walked: &mut HashSet<PathBuf>, open_folders: &mut Vec<PathBuf>) {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return problems.push((path.to_path_buf(), error.to_string())),
    };
    if metadata.is_file() {
        found.insert(path.to_path_buf());
        return;
    }
    if !metadata.is_dir() {
        return problems.push((path.to_path_buf(), "neither a file nor a folder".into()));
    }
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) => return problems.push((path.to_path_buf(), error.to_string())),
    };
    if open_folders.contains(&real) {
        return problems.push((path.to_path_buf(), "a link that leads back to its own folder".into()));
    }
    if open_folders.len() >= MAX_FOLDER_DEPTH {
        return problems.push((path.to_path_buf(), format!("more than {MAX_FOLDER_DEPTH} folders deep")));
    }
    if !walked.insert(real.clone()) {
        return;
    }
    open_folders.push(real);
    match std::fs::read_dir(path) {
        Ok(entries) => {
            let mut children: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
            children.sort();
            for child in children {
                if !is_hidden(&child) && !is_run_folder(&child) {
                    walk(&child, found, problems, walked, open_folders);
                }
            }
        }
        Err(error) => problems.push((path.to_path_buf(), error.to_string())),
    }
    open_folders.pop();
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// A folder that an earlier run wrote: its own output is no evidence.
fn is_run_folder(path: &Path) -> bool {
    path.join("run.json").is_file() && path.join("parquet").is_dir()
}
