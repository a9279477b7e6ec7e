//! A wrong plan does not compile: every way in which sizes and places can contradict each other is an error of rustc.

#[test]
fn wrong_plans_do_not_compile() {
    let cases = trybuild::TestCases::new();
    // One case that compiles makes trybuild build rather than check: regions are proven when code is made.
    cases.pass("cases/right/*.rs");
    cases.compile_fail("cases/*.rs");
}
