//! A wrong plan does not compile: every way in which sizes and places can contradict each other is an error of rustc.

#[test]
fn wrong_plans_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/plan_types/*.rs");
}
