//! A command that is interrupted leaves nothing behind.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{entries, folder};

#[test]
fn an_interrupted_command_leaves_nothing() {
    for signal in ["-INT", "-TERM"] {
        let folder = folder();
        let mut command = Command::new(env!("CARGO_BIN_EXE_peleec"));
        command.args(["verify", "zoo:peleenet-224"]).env("TMPDIR", folder.path());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("peleec starts");
        let start = Instant::now();
        let building = || entries(folder.path()).iter().any(|name| folder.path().join(name).join("target").exists());
        while !building() && start.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(building(), "the build starts");
        std::thread::sleep(Duration::from_millis(300));
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
        let status = child.wait().unwrap();
        assert!(killed.success() && status.code().is_none(), "{status}");
        assert_eq!(entries(folder.path()), [""; 0], "{signal}");
    }
}
