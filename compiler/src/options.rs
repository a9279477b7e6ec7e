//! What a compilation can be asked for: each option once, with its doc, default, builder method and command-line flag.

use std::collections::BTreeMap;

use crate::plan::Budget;
use crate::target::{NumericClass, Profile, Target};

/// A command-line flag that sets an option.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Name without the dashes.
    pub name: &'static str,
    /// What its value is called; empty for a flag without one.
    pub value: &'static str,
    /// Whether it can be given more than once.
    pub repeats: bool,
    /// One line for people.
    pub help: &'static str,
}

/// A flag's value that does not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{flag} {value}: {why}")]
pub struct OptionError {
    /// Name of the flag without the dashes.
    pub flag: String,
    /// What was given.
    pub value: String,
    /// What would do.
    pub why: String,
}

/// How much memory activations may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RamBudget {
    /// As little as goes with at most 1.05 times the weight reads of a run layer by layer.
    #[default]
    Thrifty,
    /// As little as goes.
    Least,
    /// So many bytes: the plan with the fewest weight reads that fits.
    Bytes(usize),
}

impl std::str::FromStr for RamBudget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "min" {
            return Ok(RamBudget::Least);
        }
        bytes(text).map(RamBudget::Bytes).map_err(|error| format!("{error}, or `min`"))
    }
}

/// A number of bytes.
fn bytes(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|count| count.checked_mul(unit));
    bytes.ok_or_else(|| "give a number of bytes, with K or M for 1024 or 1048576 of them".to_owned())
}

/// How a model is given its inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputForm {
    /// As arrays, row-major in ONNX's order.
    #[default]
    Whole,
    /// Row by row, by a function that `run` calls for each row in order: pixels one behind the other, the channels of each adjacent.
    Rows,
}

/// Where a model's results lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// In the model's memory; `run` gives references.
    #[default]
    Arena,
    /// In the caller's arrays, which `run_into` takes.
    Caller,
}

macro_rules! options {
    ($($(#[doc = $doc:literal])+ $name:ident: $ty:ty, $flag:literal $value:literal $repeats:literal, $set:expr;)+) => {
        /// What a compilation is asked for.
        #[derive(Clone, Debug, Default)]
        pub struct Options {
            $($(#[doc = $doc])+ pub $name: $ty,)+
        }

        /// The command line's form of every option.
        pub const FLAGS: &[Flag] = &[
            $(Flag { name: $flag, value: $value, repeats: $repeats, help: concat!($($doc),+) },)+
        ];

        impl Options {
            /// Sets the option of flag `name` from its text.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), OptionError> {
                let set: fn(&mut Options, &str) -> Result<(), String> = match name {
                    $($flag => $set,)+
                    _ => |_, _| Err("no such option".to_owned()),
                };
                set(self, value).map_err(|why| OptionError { flag: name.to_owned(), value: value.to_owned(), why })
            }
        }

        impl crate::Builder {
            $(
                $(#[doc = $doc])+
                #[must_use]
                pub fn $name(mut self, value: impl Into<$ty>) -> Self {
                    self.options.$name = value.into();
                    self
                }
            )+
        }
    };
}

options! {
    /// Name of the generated files and module; the model's file stem by default.
    name: Option<String>, "name" "NAME" false, |options, text| {
        options.name = Some(crate::emit::names::identifier(text));
        Ok(())
    };
    /// Machine that the code is specialised for; portable Rust by default.
    target: Target, "target" "TARGET" false, |options, text| {
        options.target = text.parse().map_err(|error: crate::target::UnknownTarget| error.to_string())?;
        Ok(())
    };
    /// Numeric class, plain or fused: one gives the same bits on every machine; the target's own by default.
    numeric: Option<NumericClass>, "numeric" "CLASS" false, |options, text| {
        let class = NumericClass::ALL.into_iter().find(|class| class.name() == text);
        options.numeric = Some(class.ok_or("the classes are plain and fused")?);
        Ok(())
    };
    /// Size of a symbolic input dimension.
    input_dims: BTreeMap<String, usize>, "input-dim" "NAME=SIZE" true, |options, text| {
        let pair = text.split_once('=').and_then(|(name, size)| Some((name.to_owned(), size.parse().ok().filter(|&size| size > 0)?)));
        let (name, size) = pair.ok_or("give NAME=SIZE with a size of 1 or more, such as `batch=1`")?;
        options.input_dims.insert(name, size);
        Ok(())
    };
    /// RAM for activations, such as 512K or 200000, or `min`; by default the least that does without reading weights again.
    ram_budget: RamBudget, "ram-budget" "BYTES|min" false, |options, text| {
        options.ram_budget = text.parse()?;
        Ok(())
    };
    /// Where the results lie: `arena`, in the model's memory, or `caller`, in arrays that `run_into` is given.
    outputs: Placement, "outputs" "PLACE" false, |options, text| {
        options.outputs = match text {
            "arena" => Placement::Arena,
            "caller" => Placement::Caller,
            _ => return Err("the places are arena and caller".to_owned()),
        };
        Ok(())
    };
    /// How inputs come: `whole`, as arrays, or `rows`, by a function that `run` calls for one row of pixels after the other.
    input: InputForm, "input" "FORM" false, |options, text| {
        options.input = match text {
            "whole" => InputForm::Whole,
            "rows" => InputForm::Rows,
            _ => return Err("the forms are whole and rows".to_owned()),
        };
        Ok(())
    };
    /// RAM for copies of the weights that are read row by row, such as 64K, beside that for activations; none by default.
    pin_weights: usize, "pin-weights" "BYTES" false, |options, text| {
        options.pin_weights = bytes(text)?;
        Ok(())
    };
    /// Section of the weights in the linked image, such as `.peleec.weights`; needs `unsafe` attributes to be allowed.
    weights_section: Option<String>, "weights-section" "SECTION" false, |options, text| {
        options.weights_section = Some(text.to_owned());
        Ok(())
    };
    /// Read weights from files that the model names, if they lie in its own folder.
    allow_external: bool, "allow-external" "" false, |options, _| {
        options.allow_external = true;
        Ok(())
    };
}

impl Options {
    /// What a plan is chosen by.
    pub(crate) fn budget(&self) -> Budget {
        match self.ram_budget {
            RamBudget::Thrifty => Budget::Thrifty,
            RamBudget::Least => Budget::Least,
            RamBudget::Bytes(bytes) => Budget::Bytes(bytes),
        }
    }

    /// The machine and its class; an error where the machine cannot do what is asked.
    pub(crate) fn profile(&self) -> Result<Profile, OptionError> {
        let classes = self.target.classes();
        let numeric = self.numeric.unwrap_or(classes[0]);
        if classes.contains(&numeric) {
            return Ok(Profile { target: self.target, numeric });
        }
        let why = format!("{} has no instruction for it; its class is {}", self.target, classes[0]);
        Err(OptionError { flag: "numeric".to_owned(), value: numeric.to_string(), why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_set_their_options() {
        let mut options = Options::default();
        options.set("input-dim", "batch=1").unwrap();
        options.set("target", "cortex-m7").unwrap();
        assert_eq!((options.input_dims["batch"], options.target), (1, Target::CortexM7));
        assert!(options.set("input-dim", "batch=0").is_err());
        assert!(options.set("target", "pdp-11").unwrap_err().to_string().contains("cortex-m0plus"));
    }
}
