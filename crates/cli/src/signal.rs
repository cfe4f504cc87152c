//! Ends on SIGINT and SIGTERM with the code shells show for them, and leaves no half-written file behind.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file being written under a temporary name.
static TEMPORARY: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Starts to watch for signals. Where that is not possible their default holds, which leaves the temporary file.
pub fn watch() {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]) else { return };
        let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // The lock is never released, so that no other file is begun until the process is gone.
                let mut temporary = TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(path) = temporary.take() {
                    let _ = fs::remove_file(path);
                }
                std::process::exit(crate::exit_code::SIGNAL.saturating_add(signal));
            }
        });
    }
}

/// Creates a file that a signal removes until [`keep`] is called.
pub fn create(path: &Path) -> io::Result<File> {
    let mut temporary = TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner);
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    *temporary = Some(path.to_owned());
    Ok(file)
}

/// The file has its final name, or is gone.
pub fn keep() {
    *TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner) = None;
}
