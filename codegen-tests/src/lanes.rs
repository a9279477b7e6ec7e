//! Lanes of tests that need something that a computer may lack.

use std::fmt::Display;
use std::io::Write;

/// How the reason begins that no installation mends: the processor lacks the instructions.
const NO_SUCH_PROCESSOR: &str = "this computer does not run code for";

/// Says that a lane is left out. Where `CI` is `true` nothing may be left out that can be installed: there it is a failure.
///
/// Straight to stderr, since the test harness would keep back what a passing test prints.
pub fn skip(lane: impl Display, why: impl Display) {
    let why = why.to_string();
    _ = writeln!(std::io::stderr(), "SKIPPED LANE {lane}: {why}");
    let may_skip = std::env::var("CI").as_deref() != Ok("true") || why.starts_with(NO_SUCH_PROCESSOR);
    assert!(may_skip, "the lane {lane} does not run, and with CI=true every lane that can be installed must: {why}");
}
