//! The run folder: built in a temporary folder beside it, put in its place in one step at the end; an interrupted run leaves
//! the earlier folder as it was.
//!
//! Beside every temporary folder lies a lock file that its maker holds for as long as it lives. A folder whose lock is free
//! was left by a maker that is gone: the next run removes it. Runs that build below one parent at the same time do not meet.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A run folder in the making. Dropped unfinished, it leaves nothing behind.
pub struct RunFolder {
    parent: PathBuf,
    building: Option<PathBuf>,
    /// Dropped after the folder is gone.
    _lock: Lock,
    /// Declared last, so dropped last: takes away a parent that this run made and left empty.
    _made: MadeParent,
}

struct MadeParent(Option<PathBuf>);

impl Drop for MadeParent {
    fn drop(&mut self) {
        if let Some(parent) = &self.0 {
            // Fails, as it should, where the folder is not empty.
            let _ = fs::remove_dir(parent);
        }
    }
}

/// A held lock file; taken away when dropped.
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Name of folders in the making and of their lock files.
const BUILDING: &str = ".credlens-building-";
const LOCK: &str = ".lock";
/// Name of an earlier run folder that is moved aside where two folders cannot be exchanged: `<building>.replaced.<its name>`.
const REPLACED: &str = ".replaced.";
/// How the names of files begin that `credlens retro` writes.
pub const RETROSPECTIVE: &str = "retro-";
/// The part of a run folder that holds records: for its owner alone.
const PRIVATE: &str = "parquet";

impl RunFolder {
    /// Starts a folder under `parent`, and clears away what killed runs left there.
    pub fn start(parent: &Path) -> io::Result<RunFolder> {
        let made = MadeParent((!parent.exists()).then(|| parent.to_path_buf()));
        fs::create_dir_all(parent)?;
        clear_abandoned(parent);
        let lock = take_lock(parent)?;
        let building = lock.path.with_extension("");
        fs::create_dir(&building)?;
        let folder = RunFolder { parent: parent.to_path_buf(), building: Some(building), _lock: lock, _made: made };
        fs::create_dir(folder.path().join(PRIVATE))?;
        set_mode(folder.path(), 0o700)?;
        Ok(folder)
    }

    /// A folder below the system's temporary folder that is never finished.
    pub fn scratch() -> io::Result<RunFolder> {
        RunFolder::start(&std::env::temp_dir())
    }

    /// Where files are written meanwhile.
    pub fn path(&self) -> &Path {
        self.building.as_deref().unwrap_or(&self.parent)
    }

    /// Gives the folder its name; an earlier run folder of that name is replaced. What is no run folder is never replaced.
    pub fn finish(mut self, name: &str) -> io::Result<PathBuf> {
        let place = self.parent.join(name);
        open_to_others(self.path())?;
        let building = self.path().to_path_buf();
        loop {
            if fs::symlink_metadata(&place).is_err() {
                match fs::rename(&building, &place) {
                    Ok(()) => break,
                    // Another run has put its folder there meanwhile.
                    Err(_) if place.is_dir() => continue,
                    Err(error) => return Err(error),
                }
            }
            if !is_replaceable(&place) {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} exists and is no run folder", place.display())));
            }
            match exchange(&building, &place) {
                Ok(()) => {
                    keep_retrospectives(&building, &place)?;
                    fs::remove_dir_all(&building)?;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(_) => {
                    replace_in_two_steps(&building, &place, name)?;
                    break;
                }
            }
        }
        self.building = None;
        Ok(place)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if let Some(building) = &self.building {
            let _ = fs::remove_dir_all(building);
        }
    }
}

/// A folder that a run wrote, or an empty one.
fn is_replaceable(place: &Path) -> bool {
    place.join("run.json").is_file() || (place.is_dir() && fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none()))
}

/// Two folders change names in one step, so that at no moment one of them is missing.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Where the file system cannot exchange: a run killed between the two renames is mended by the next one.
fn replace_in_two_steps(building: &Path, place: &Path, name: &str) -> io::Result<()> {
    let mut aside = building.as_os_str().to_os_string();
    aside.push(format!("{REPLACED}{name}"));
    fs::rename(place, &aside)?;
    if let Err(error) = fs::rename(building, place) {
        fs::rename(&aside, place)?;
        return Err(error);
    }
    keep_retrospectives(Path::new(&aside), place)?;
    fs::remove_dir_all(&aside)
}

/// What `credlens retro` wrote into a run folder stays when the run is repeated; each file names the inputs it was made from.
fn keep_retrospectives(replaced: &Path, place: &Path) -> io::Result<()> {
    for entry in fs::read_dir(replaced)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(RETROSPECTIVE) && entry.file_type()?.is_file() {
            fs::rename(entry.path(), place.join(name))?;
        }
    }
    Ok(())
}

/// Makes a lock file and holds it.
fn take_lock(parent: &Path) -> io::Result<Lock> {
    loop {
        let (file, path) = tempfile::Builder::new().prefix(BUILDING).suffix(LOCK).tempfile_in(parent)?.keep().map_err(|error| error.error)?;
        // Some network file systems know no locks: then nobody else can take this one either, and nothing is cleared.
        let is_ours = !matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        // A run that clears up may have taken the file for a dead one's before it was locked.
        if is_ours && path.exists() {
            return Ok(Lock { path, _file: file });
        }
    }
}

/// Removes what makers that are gone have left.
fn clear_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if !name.starts_with(BUILDING) {
            continue;
        }
        let (stem, replaced) = match name.split_once(REPLACED) {
            Some((stem, replaced)) => (stem, Some(replaced)),
            None => (name.strip_suffix(LOCK).unwrap_or(&name), None),
        };
        let lock = parent.join(format!("{stem}{LOCK}"));
        let held = match File::open(&lock) {
            // A folder is made after its lock is held and goes before it does: without one it belongs to nobody.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(_) => continue,
            Ok(file) => match file.try_lock() {
                Ok(()) => Some(file),
                Err(_) => continue,
            },
        };
        match replaced.map(|name| parent.join(name)) {
            Some(place) if !place.exists() => drop(fs::rename(&path, place)),
            _ if path == lock => {}
            _ => drop(fs::remove_dir_all(&path)),
        }
        // The folder of a lock, or the one moved aside, may come later in this listing: the lock stays until they are gone.
        if held.is_some() && !parent.join(stem).exists() {
            let _ = fs::remove_file(&lock);
        }
    }
}

/// The folder under its usual mode; what holds records for its owner alone.
#[cfg(unix)]
fn open_to_others(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // Made by the same rules as any folder of this user.
    let private = folder.join(PRIVATE);
    let usual = fs::metadata(&private)?.permissions().mode() & 0o777;
    restrict(&private)?;
    set_mode(folder, usual)
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

/// A file or folder and all below it for its owner alone.
pub fn restrict(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        return set_mode(path, 0o600);
    }
    for entry in fs::read_dir(path)? {
        restrict(&entry?.path())?;
    }
    set_mode(path, 0o700)
}

/// Writes a text file, its folder made if need be.
pub fn write_text(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parent: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn finish(parent: &Path, text: &str) {
        let folder = RunFolder::start(parent).unwrap();
        write_text(&folder.path().join("run.json"), text).unwrap();
        folder.finish("run").unwrap();
    }

    #[test]
    fn a_folder_is_replaced_and_nothing_else_stays() {
        let parent = tempfile::tempdir().unwrap();
        finish(parent.path(), "1");
        finish(parent.path(), "2");
        drop(RunFolder::start(parent.path()).unwrap());
        assert_eq!((names(parent.path()), fs::read_to_string(parent.path().join("run/run.json")).unwrap()), (vec!["run".into()], "2".into()));
    }

    #[test]
    fn retrospectives_stay_when_a_run_is_repeated() {
        let parent = tempfile::tempdir().unwrap();
        finish(parent.path(), "1");
        write_text(&parent.path().join("run/retro-SEC-1.md"), "notes").unwrap();
        write_text(&parent.path().join("run/other.md"), "").unwrap();
        finish(parent.path(), "2");
        assert_eq!(names(&parent.path().join("run")), ["parquet", "retro-SEC-1.md", "run.json"]);
        assert_eq!(fs::read_to_string(parent.path().join("run/retro-SEC-1.md")).unwrap(), "notes");
    }

    #[test]
    fn what_is_no_run_folder_is_not_replaced() {
        let parent = tempfile::tempdir().unwrap();
        write_text(&parent.path().join("run/notes"), "mine").unwrap();
        let error = RunFolder::start(parent.path()).unwrap().finish("run").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((names(parent.path()), names(&parent.path().join("run"))), (vec!["run".to_string()], vec!["notes".to_string()]));
    }

    #[test]
    fn the_living_keep_their_folders_and_the_dead_are_cleared_away() {
        let parent = tempfile::tempdir().unwrap();
        let living = RunFolder::start(parent.path()).unwrap();
        for (name, file) in [("dead", "parquet/x"), ("dead.replaced.earlier", "run.json"), ("nobody", "y")] {
            write_text(&parent.path().join(format!("{BUILDING}{name}/{file}")), "").unwrap();
        }
        fs::write(parent.path().join(format!("{BUILDING}dead.lock")), "").unwrap();
        fs::write(parent.path().join(format!("{BUILDING}early.lock")), "").unwrap();
        finish(parent.path(), "1");
        let own = living.path().file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(names(parent.path()), [own.clone(), format!("{own}.lock"), "earlier".into(), "run".into()]);
        living.finish("run").unwrap();
        assert_eq!(names(parent.path()), ["earlier", "run"]);
    }

    #[test]
    fn two_steps_replace_where_one_cannot() {
        let parent = tempfile::tempdir().unwrap();
        let (building, place) = (parent.path().join("new"), parent.path().join("run"));
        write_text(&building.join("run.json"), "2").unwrap();
        write_text(&place.join("run.json"), "1").unwrap();
        replace_in_two_steps(&building, &place, "run").unwrap();
        assert_eq!((names(parent.path()), fs::read_to_string(place.join("run.json")).unwrap()), (vec!["run".into()], "2".into()));
    }

    #[cfg(unix)]
    #[test]
    fn records_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::start(parent.path()).unwrap();
        write_text(&folder.path().join("parquet/frames/requests.parquet"), "").unwrap();
        write_text(&folder.path().join("run.json"), "").unwrap();
        let place = folder.finish("run").unwrap();
        let mode = |name: &str| fs::metadata(place.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("parquet"), mode("parquet/frames"), mode("parquet/frames/requests.parquet")), (0o700, 0o700, 0o600));
        let usual = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o777)).tempdir_in(parent.path()).unwrap();
        assert_eq!(mode(""), fs::metadata(usual.path()).unwrap().permissions().mode() & 0o777);
    }
}
