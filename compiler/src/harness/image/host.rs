//! Runs the network once as a program of an operating system: `input_J.bin` to `output_J.bin` in the current folder.

mod network;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: the program has one thread, and this is its only use of the network's memory.
    let (model, mut inputs, mut outputs) = unsafe { (network::poisoned_model(), network::inputs(), network::outputs()) };
    for (name, values) in network::INPUT_FILES.iter().zip(&mut inputs) {
        let Ok(bytes) = std::fs::read(path(name)) else { return ExitCode::from(2) };
        let values = values.as_bytes_mut();
        if bytes.len() != values.len() {
            return ExitCode::from(2);
        }
        values.copy_from_slice(&bytes);
    }
    let shared = inputs.each_ref().map(peleec_runtime::ValuesMut::values);
    if let Err(status) = network::run(model, &shared, &mut outputs) {
        return ExitCode::from(status);
    }
    let mut checksum = 0;
    for (name, values) in network::OUTPUT_FILES.iter().zip(&outputs) {
        checksum = peleec_runtime::checksum(checksum, values.values());
        if std::fs::write(path(name), values.values().as_bytes()).is_err() {
            return ExitCode::from(4);
        }
    }
    println!("checksum {checksum:08x}");
    ExitCode::SUCCESS
}

fn path(name: &core::ffi::CStr) -> &Path {
    Path::new(name.to_str().unwrap_or("none"))
}
