//! Runs another program to its end. What it prints goes to a file, so that nothing waits for a reader; it is stopped where it takes too
//! long, or where the command that started it is itself being ended.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::HarnessError;

/// How often a running program is looked at.
const PATIENCE: Duration = Duration::from_millis(5);

/// The programs that run at the moment, by number.
static RUNNING: Mutex<BTreeMap<u32, Child>> = Mutex::new(BTreeMap::new());

fn running() -> MutexGuard<'static, BTreeMap<u32, Child>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While it lives, no program starts, and none is seen to end.
pub struct Stopped(#[allow(dead_code, reason = "held, not read")] MutexGuard<'static, BTreeMap<u32, Child>>);

/// Kills every program that runs, for a command that is being ended and has to clear up.
pub fn stop() -> Stopped {
    let mut children = running();
    for child in children.values_mut() {
        _ = child.kill();
        _ = child.wait();
    }
    Stopped(children)
}

/// Runs a command to its end, or for `limit`; how it ended, and what it printed, which `log` holds as well.
pub(crate) fn finish(mut command: Command, log: &Path, limit: Option<Duration>) -> Result<(ExitStatus, String), HarnessError> {
    let io = |error| HarnessError::io(log, error);
    let file = File::create(log).map_err(io)?;
    command.stdin(Stdio::null()).stdout(file.try_clone().map_err(io)?).stderr(file);
    let name = command.get_program().to_string_lossy().into_owned();
    let id = {
        let mut children = running();
        let child = command.spawn().map_err(|error| not_started(&name, error))?;
        let id = child.id();
        children.insert(id, child);
        id
    };
    let status = wait(id, limit);
    running().remove(&id);
    let status = status.map_err(io)?.ok_or(HarnessError::TimedOut(limit.unwrap_or_default()))?;
    Ok((status, String::from_utf8_lossy(&fs::read(log).map_err(io)?).into_owned()))
}

/// Waits for the end; kills the program where that takes too long.
fn wait(id: u32, limit: Option<Duration>) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        let mut children = running();
        let Some(child) = children.get_mut(&id) else { return Ok(None) };
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if limit.is_some_and(|limit| start.elapsed() > limit) {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        drop(children);
        std::thread::sleep(PATIENCE);
    }
}

/// A program that does not start, in words.
pub(crate) fn not_started(program: &str, error: std::io::Error) -> HarnessError {
    match error.kind() {
        std::io::ErrorKind::NotFound => not_installed(program),
        std::io::ErrorKind::PermissionDenied => HarnessError::Missing {
            what: format!("{program} may not be run"),
            remedy: "is it on a file system without leave to run programs? give another folder with --build-dir".to_owned(),
        },
        _ => HarnessError::io(Path::new(program), error),
    }
}

/// A program that is not there, with the way to get it.
pub(crate) fn not_installed(program: &str) -> HarnessError {
    let (debian, mac) = match program {
        "qemu-aarch64" => ("apt-get install qemu-user", "brew install qemu"),
        qemu if qemu.starts_with("qemu-") => ("apt-get install qemu-system-arm", "brew install qemu"),
        _ => ("apt-get install gcc", "xcode-select --install"),
    };
    let remedy = if cfg!(target_os = "macos") { mac.to_owned() } else { debian.to_owned() };
    HarnessError::Missing { what: format!("{program} is not installed"), remedy }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let (status, printed) = finish(command, &folder.path().join("log"), Some(limit)).map_err(|error| error.to_string())?;
        if status.success() { Ok(printed) } else { Err(format!("{status}: {printed}")) }
    }

    #[test]
    fn a_program_that_does_not_end_is_stopped() {
        let start = Instant::now();
        let outcome = shell("exec sleep 60", Duration::from_millis(50));
        assert_eq!(outcome, Err("the program was stopped after 0 s".to_owned()));
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_a_program_prints_is_kept_in_order() {
        let limit = Duration::from_secs(60);
        assert_eq!(shell("echo all; echo well >&2", limit), Ok("all\nwell\n".to_owned()));
        assert_eq!(shell("echo no; exit 9", limit), Err("exit status: 9: no\n".to_owned()));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = finish(Command::new("qemu-that-is-nowhere"), &folder.path().join("log"), None).unwrap_err();
        assert!(error.is_missing() && error.to_string().starts_with("qemu-that-is-nowhere is not installed: "), "{error}");
    }
}
