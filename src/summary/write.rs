//! The run folder: built in a temporary folder beside it, renamed at the end; an interrupted run leaves the earlier folder
//! as it was.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A run folder in the making. Dropped unfinished, it leaves nothing behind.
pub struct RunFolder {
    parent: PathBuf,
    building: tempfile::TempDir,
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

/// Name of folders in the making; the lock file in them tells whether their maker still lives.
const BUILDING: &str = ".credlens-building-";
const LOCK: &str = "lock";

impl RunFolder {
    /// Starts a folder under `parent`, and clears away what killed runs left there.
    pub fn start(parent: &Path) -> io::Result<RunFolder> {
        let made = MadeParent((!parent.exists()).then(|| parent.to_path_buf()));
        fs::create_dir_all(parent)?;
        clear_abandoned(parent);
        let building = tempfile::Builder::new().prefix(BUILDING).tempdir_in(parent)?;
        fs::write(building.path().join(LOCK), std::process::id().to_string())?;
        Ok(RunFolder { parent: parent.to_path_buf(), building, _made: made })
    }

    /// Where files are written meanwhile.
    pub fn path(&self) -> &Path {
        self.building.path()
    }

    /// Gives the folder its name; an earlier folder of that name is replaced in two renames.
    pub fn finish(self, name: &str) -> io::Result<PathBuf> {
        let place = self.parent.join(name);
        fs::remove_file(self.building.path().join(LOCK))?;
        set_owner_only_off(self.building.path())?;
        let built = self.building.keep();
        if place.exists() {
            let aside = self.parent.join(format!("{BUILDING}replaced-{}-{name}", std::process::id()));
            fs::rename(&place, &aside)?;
            if let Err(error) = fs::rename(&built, &place) {
                fs::rename(&aside, &place)?;
                return Err(error);
            }
            fs::remove_dir_all(&aside)?;
        } else {
            fs::rename(&built, &place)?;
        }
        Ok(place)
    }
}

/// Temporary folders are made for their owner alone; the run folder follows the usual rules.
#[cfg(unix)]
fn set_owner_only_off(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn set_owner_only_off(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Removes folders whose maker is gone.
fn clear_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(BUILDING) && !is_alive(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_alive(folder: &Path) -> bool {
    let Ok(id) = fs::read_to_string(folder.join(LOCK)) else { return false };
    // A maker killed before it wrote its number leaves an empty lock.
    let Ok(id) = id.trim().parse::<u32>() else { return false };
    Path::new("/proc").join(id.to_string()).exists() || !Path::new("/proc").exists()
}

/// Writes a text file, its folder made if need be.
pub fn write_text(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
