//! A limit on the time of what runs in this process, which only ends with the process.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use peleec::harness::HarnessError;

use crate::failure::Failure;
use crate::output::Output;

/// Ends the command, as a program that takes too long is ended, unless it is dropped in time.
pub(crate) struct Limit {
    _running: Sender<()>,
}

impl Limit {
    /// Starts the time. `folder` goes with the command.
    pub(crate) fn start(limit: Duration, folder: Option<&Path>, output: &Output) -> Self {
        let (running, ended) = channel();
        let (folder, output) = (folder.map(Path::to_owned), *output);
        std::thread::spawn(move || {
            if ended.recv_timeout(limit) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            if let Some(folder) = folder {
                _ = std::fs::remove_dir_all(folder);
            }
            let failure = Failure::from(HarnessError::TimedOut(limit));
            output.failure(&failure);
            std::process::exit(failure.exit_code().into());
        });
        Limit { _running: running }
    }
}
