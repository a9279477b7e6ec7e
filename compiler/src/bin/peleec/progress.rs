//! A spinner on stderr for work of more than a second, where stderr is a terminal.

use std::io::IsTerminal;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::ProgressBar;

use crate::output::Output;

const SHOWN_AFTER: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// Shows what is being done until it is dropped.
pub(crate) struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    pub(crate) fn start(output: &Output, message: String) -> Self {
        if output.json || output.quiet || !std::io::stderr().is_terminal() {
            return Progress(None);
        }
        let (done, wait) = channel::<()>();
        let spin = move || {
            if wait.recv_timeout(SHOWN_AFTER).is_ok() {
                return;
            }
            let spinner = ProgressBar::new_spinner().with_message(message);
            spinner.enable_steady_tick(TICK);
            _ = wait.recv();
            spinner.finish_and_clear();
        };
        Progress(Some((done, std::thread::spawn(spin))))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.0.take() {
            _ = done.send(());
            _ = thread.join();
        }
    }
}
