//! What is done where a command is interrupted: the programs that it has started end, and their folder goes.

use std::path::Path;

/// Removes `folder` when the process is asked to end.
#[cfg(unix)]
pub(crate) fn clear_up(folder: &Path) {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let folder = folder.to_owned();
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]) else { return };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let _stopped = peleec::harness::stop();
            remove(&folder);
            _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
}

/// Nothing is known of signals here.
#[cfg(not(unix))]
pub(crate) fn clear_up(_: &Path) {}

/// Removes a folder, in which programs of programs may still make files for a moment.
#[cfg(unix)]
fn remove(folder: &Path) {
    for _ in 0..40 {
        if std::fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
