//! `explain`: what a code of a message means.

use peleec::{EXPLANATIONS, Explanation, near};
use serde_json::json;

use crate::failure::{Answer, Failure};
use crate::output::Output;
use crate::prose::wrapped;

/// Say what the code of a message means; without a code, list all of them
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Such as PL0301
    code: Option<String>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer, Failure> {
    match &args.code {
        Some(code) => explain(found(code)?, output),
        None => list(output),
    }
    Ok(Answer::Yes)
}

fn list(output: &Output) {
    for Explanation { code, title, .. } in EXPLANATIONS {
        output.say(format_args!("{code}  {title}"));
    }
    output.document(json!({ "codes": EXPLANATIONS }));
}

fn explain(explanation: &Explanation, output: &Output) {
    let Explanation { code, title, example, meaning, help } = explanation;
    let (meaning, help) = (wrapped(meaning, ""), wrapped(help, ""));
    output.say_lines(&format!("{code}: {title}\n\nSuch as\n{}\n\n{meaning}\n\nWhat to do:\n{help}", wrapped(example, "    ")));
    output.document(json!({ "explanation": explanation }));
}

fn found(code: &str) -> Result<&'static Explanation, Failure> {
    let wanted = code.trim().to_uppercase();
    EXPLANATIONS.iter().find(|explanation| explanation.code == wanted).ok_or_else(|| {
        let codes = EXPLANATIONS.iter().map(|explanation| explanation.code);
        // The digits before the last two say what a code is about.
        let group = wanted.get(..4).unwrap_or(&wanted);
        let mut offered: Vec<&str> = codes.clone().filter(|code| group.len() == 4 && code.starts_with(group)).collect();
        if offered.is_empty() {
            offered = near(&wanted, codes);
        }
        let near = if offered.is_empty() { String::new() } else { format!("near it are {}; ", offered.join(", ")) };
        Failure::Usage(format!("there is no code `{code}`: {near}`peleec explain` lists all"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_however_it_is_written() {
        for Explanation { code, .. } in EXPLANATIONS {
            for written in [(*code).to_owned(), code.to_lowercase(), format!(" {code}\n")] {
                assert_eq!(found(&written).unwrap().code, *code);
            }
        }
    }

    #[test]
    fn a_code_that_there_is_not_is_answered_with_those_near_it() {
        let refusal = |code: &str| found(code).unwrap_err().text();
        // Of the same hundred.
        let near = refusal("pl0399");
        let offered: Vec<&str> = EXPLANATIONS.iter().map(|explanation| explanation.code).filter(|code| near.contains(code)).collect();
        assert!(!offered.is_empty() && offered.iter().all(|code| code.starts_with("PL03")), "{near}");
        assert!(refusal("PL031").contains("PL0301"));
        for odd in ["", "x", "図図図図", "PL0é01", "\u{1b}[2J", &"P".repeat(10_000)] {
            let refusal = refusal(odd);
            assert!(refusal.starts_with("there is no code `") && refusal.ends_with("`peleec explain` lists all"), "{odd:?}: {refusal}");
            assert!(!refusal.contains('\u{1b}'), "{refusal:?}");
        }
    }
}
