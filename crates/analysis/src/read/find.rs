//! Which files there are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::Error;

/// One input as found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where the bytes are; `None` is standard input.
    pub place: Option<PathBuf>,
    /// What it is called in the report.
    pub label: String,
    /// Given as an argument, not found in a directory.
    pub named: bool,
}

/// Lists the files below `paths`, sorted by label, each once. Symbolic links inside directories are not followed
/// and pipes there not opened; what is neither file nor directory is noted in `left_out`. `base`: what labels are
/// relative to, instead of the directory given.
///
/// # Errors
/// When a path given cannot be opened, or does not lie below `base`.
pub fn find(paths: &[PathBuf], base: Option<&Path>, left_out: &mut Vec<String>) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(Found { place: None, label: "-".to_owned(), named: true });
            continue;
        }
        let open_error = |source| Error::Open { path: path.display().to_string(), source };
        let metadata = fs::metadata(path).map_err(open_error)?;
        if metadata.is_dir() {
            let folder = base.map(|base| below(base, path)).transpose()?.unwrap_or_default();
            walk(path, path, &folder, &mut found, left_out).map_err(open_error)?;
        } else {
            let label = match base {
                Some(base) => below(base, path)?.to_string_lossy().into_owned(),
                None => path
                    .file_name()
                    .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned()),
            };
            found.push(Found { place: Some(path.clone()), label, named: true });
        }
    }
    // Two arguments may name files alike: then the path as given tells them apart.
    let mut uses: FxHashMap<String, u32> = FxHashMap::default();
    for file in &found {
        *uses.entry(file.label.clone()).or_insert(0) += 1;
    }
    for file in &mut found {
        if let (Some(2..), Some(place)) = (uses.get(&file.label), &file.place) {
            file.label = place.display().to_string();
        }
    }
    found.sort_by(|a, b| a.label.as_bytes().cmp(b.label.as_bytes()).then_with(|| a.place.cmp(&b.place)));
    found.dedup_by(|a, b| a.place == b.place);
    if found.is_empty() {
        return Err(Error::NoFiles { paths: list(paths) });
    }
    Ok(found)
}

pub(super) fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Where `path` lies below `base`.
fn below(base: &Path, path: &Path) -> Result<PathBuf, Error> {
    let whole = |path: &Path| {
        std::path::absolute(path).map_err(|source| Error::Open { path: path.display().to_string(), source })
    };
    match whole(path)?.strip_prefix(whole(base)?) {
        Ok(rest) => Ok(rest.to_owned()),
        Err(_) => Err(Error::NotBelow { path: path.display().to_string(), base: base.display().to_string() }),
    }
}

/// `folder`: what the labels of all below `root` begin with.
fn walk(
    root: &Path,
    directory: &Path,
    folder: &Path,
    found: &mut Vec<Found>,
    left_out: &mut Vec<String>,
) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(directory)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let label = folder.join(path.strip_prefix(root).unwrap_or(&path)).to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if let Err(error) = walk(root, &path, folder, found, left_out) {
                left_out.push(format!("{label}: {error}"));
            }
        } else if kind.is_file() {
            found.push(Found { place: Some(path), label, named: false });
        } else {
            left_out.push(format!(
                "{label}: not followed, it is {}",
                if kind.is_symlink() { "a symbolic link" } else { "no regular file" }
            ));
        }
    }
    Ok(())
}
