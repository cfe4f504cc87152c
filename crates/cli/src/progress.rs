//! How far a long run has come, on standard error while that is a terminal somebody looks at.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stormtrace_analysis::read::Progress;

/// Shorter runs show nothing.
const PATIENCE: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(200);
/// Longer lines may wrap, and a wrapped line cannot be taken back.
const WIDTH: usize = 79;
/// Back to the start of the line, and clear it.
const CLEAR: &str = "\r\x1b[2K";

/// Shows progress until it is dropped.
pub struct Shown {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Whether anybody looks: not with `-q`, without a terminal or in a pipeline.
pub fn is_watched(quiet: bool) -> bool {
    !quiet && io::stderr().is_terminal() && std::env::var_os("CI").is_none()
}

/// Starts to show `progress`.
pub fn show(progress: &Arc<Progress>) -> Shown {
    let (progress, stop) = (Arc::clone(progress), Arc::new(AtomicBool::new(false)));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
        let start = Instant::now();
        let mut shown = false;
        while !stopped.load(Ordering::Relaxed) {
            std::thread::park_timeout(STEP);
            if start.elapsed() >= PATIENCE && !stopped.load(Ordering::Relaxed) {
                let line = line(progress.read(), progress.total(), start.elapsed(), &progress.current());
                let _ = write!(io::stderr(), "{CLEAR}{line}");
                shown = true;
            }
        }
        if shown {
            let _ = write!(io::stderr(), "{CLEAR}");
        }
    });
    Shown { stop, thread: thread.ok() }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// `read 1.2 of 4.0 GiB, 310 MiB/s, 9 s left  odoo/odoo.log`.
fn line(read: u64, total: u64, elapsed: Duration, current: &str) -> String {
    const GIB: f64 = 1_073_741_824.0;
    const MIB: f64 = 1_048_576.0;
    let seconds = elapsed.as_secs_f64().max(0.001);
    let rate = read as f64 / seconds;
    let (unit, name) = if total.max(read) as f64 >= GIB { (GIB, "GiB") } else { (MIB, "MiB") };
    let line = if total > 0 && read >= total {
        format!("read {:.1} {name}, explaining", read as f64 / unit)
    } else if total > read {
        let left = if rate > 0.0 { (total - read) as f64 / rate } else { 0.0 };
        format!(
            "read {:.1} of {:.1} {name}, {:.0} MiB/s, {left:.0} s left  {current}",
            read as f64 / unit,
            total as f64 / unit,
            rate / MIB
        )
    } else {
        format!("read {:.1} {name}, {:.0} MiB/s  {current}", read as f64 / unit, rate / MIB)
    };
    // A file's name may hold anything.
    let harmless = |character: &char| match character.is_ascii() {
        true => !character.is_ascii_control(),
        false => character.is_alphanumeric(),
    };
    line.chars().filter(harmless).take(WIDTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let second = Duration::from_secs(2);
        assert_eq!(
            line(2 << 30, 4 << 30, second, "a.log"),
            "read 2.0 of 4.0 GiB, 1024 MiB/s, 2 s left  a.log"
        );
        assert_eq!(line(3 << 20, 0, second, "-"), "read 3.0 MiB, 2 MiB/s  -", "a pipe has no size");
        assert_eq!(line(3 << 20, 3 << 20, second, "a.log"), "read 3.0 MiB, explaining");
        let hostile = line(0, 1, second, &"\u{1b}]0;x\u{202e}".repeat(100));
        assert!(hostile.chars().count() <= WIDTH && !hostile.contains(['\u{1b}', '\u{202e}']));
    }
}
