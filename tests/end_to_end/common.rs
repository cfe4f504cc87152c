//! What the end-to-end tests share: running the binary and picking values out of its JSON.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder that ships with the project.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Runs the binary.
pub fn stormtrace<I, S>(arguments: I) -> Output
where
    I: IntoIterator<Item = S>,
    S: AsRef<std::ffi::OsStr>,
{
    Command::new(env!("CARGO_BIN_EXE_stormtrace")).args(arguments).output().unwrap()
}

/// The JSON report on some paths.
pub fn report(paths: &[PathBuf]) -> Value {
    let output = stormtrace(
        ["analyze", "--format", "json"]
            .iter()
            .map(AsRef::as_ref)
            .chain(paths.iter().map(|path| path.as_os_str())),
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Seconds since 1970 of a time in the report.
pub fn seconds(time: &Value) -> f64 {
    let (stamp, _) = stormtrace_logs::timestamp::iso(time.as_str().unwrap().as_bytes()).unwrap();
    stamp.us as f64 / 1e6
}
