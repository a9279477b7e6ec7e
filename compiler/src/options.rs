//! What a compilation can be asked for: each option once, with its doc, default, builder method and command-line flag.

use std::collections::BTreeMap;
use std::path::PathBuf;

use peleec_runtime::{ColourOrder, Fit, FrameLayout, Resize};

use crate::named::Named;
use crate::names::identifier;
use crate::plan::Budget;
use crate::target::{NumericClass, Profile, Target, UnknownTarget};

mod bytes;
mod frame;
mod shape;
pub(crate) mod words;

/// A command-line flag that sets an option, and the builder's method that does.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Name without the dashes.
    pub name: &'static str,
    /// What its value is called; empty for a flag without one.
    pub value: &'static str,
    /// The values that there are; empty where there are too many to list.
    pub values: fn() -> Vec<&'static str>,
    /// Whether it can be given more than once.
    pub repeats: bool,
    /// One line for people.
    pub help: &'static str,
    /// The values that set an option anew to what it is; none where it is as by default.
    show: fn(&Options) -> Vec<String>,
    /// The builder's method.
    method: &'static str,
    /// The call of the builder's method that does what the flag does with a value.
    code: fn(&str) -> String,
}

/// A flag's value that does not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", format!("{flag} {value}").trim_end())]
pub struct OptionError {
    /// The flag with its dashes, or the builder's method with its dot.
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
        bytes::parse(text).map(RamBudget::Bytes).map_err(|error| format!("{error}, or `min`"))
    }
}

impl From<usize> for RamBudget {
    fn from(bytes: usize) -> Self {
        RamBudget::Bytes(bytes)
    }
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

/// Of what elements inputs and outputs are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoForm {
    /// Of those that the graph says.
    #[default]
    Graph,
    /// Of bytes, where the network quantises its input or dequantises its result.
    Int8,
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
    ($($(#[doc = $doc:literal])+ $name:ident: $ty:ty {
        flag: $flag:literal $value:literal $values:expr, repeats: $repeats:literal,
        builder: |$options:ident, $arg:ident: $arg_ty:ty| $put:expr,
        set: $set:expr,
        show: $show:expr,
        code: $code:expr,
    })+) => {
        /// What a compilation is asked for.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Options {
            $($(#[doc = $doc])+ pub $name: $ty,)+
        }

        /// The command line's form of every option.
        pub const FLAGS: &[Flag] = &[
            $(Flag {
                name: $flag, value: $value, values: $values, repeats: $repeats, help: concat!($($doc),+), show: $show,
                method: stringify!($name), code: $code
            },)+
        ];

        impl Options {
            /// Sets the option of flag `name` from its text.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), OptionError> {
                let set: fn(&mut Options, &str) -> Result<(), String> = match name {
                    $($flag => $set,)+
                    _ => |_, _| Err("no such option".to_owned()),
                };
                set(self, value).map_err(|why| OptionError { flag: format!("--{name}"), value: value.to_owned(), why })
            }
        }

        impl crate::Builder {
            $(
                $(#[doc = $doc])+
                #[must_use]
                pub fn $name(mut self, $arg: $arg_ty) -> Self {
                    let $options = &mut self.options;
                    $put;
                    self
                }
            )+
        }
    };
}

options! {
    /// Name of the generated files and module; the model's file stem by default.
    name: Option<String> {
        flag: "name" "NAME" Vec::new, repeats: false,
        builder: |options, name: impl Into<String>| options.name = Some(identifier(&name.into())),
        set: |options, text| {
            options.name = Some(identifier(text));
            Ok(())
        },
        show: |options| options.name.iter().cloned().collect(),
        code: |value| format!(".name({value:?})"),
    }
    /// Machine that the code is specialised for; portable Rust by default.
    target: Target {
        flag: "target" "TARGET" || Target::ALL.map(Target::name).to_vec(), repeats: false,
        builder: |options, target: Target| options.target = target,
        set: |options, text| {
            options.target = text.parse().map_err(|error: UnknownTarget| error.to_string())?;
            Ok(())
        },
        show: |options| differing(options.target, Target::default()),
        code: |value| value.parse::<Target>().map_or_else(|_| ".target(..)".to_owned(), |target| format!(".target(Target::{target:?})")),
    }
    /// Numeric class, plain or fused: one gives the same bits on every machine; the target's own by default.
    numeric: Option<NumericClass> {
        flag: "numeric" "CLASS" || NumericClass::ALL.map(NumericClass::name).to_vec(), repeats: false,
        builder: |options, class: impl Into<Option<NumericClass>>| options.numeric = class.into(),
        set: |options, text| {
            let class = NumericClass::ALL.into_iter().find(|class| class.name() == text);
            options.numeric = Some(class.ok_or("the classes are plain and fused")?);
            Ok(())
        },
        show: |options| options.numeric.iter().map(ToString::to_string).collect(),
        code: |value| format!(".numeric({})", if value == "fused" { "NumericClass::Fused" } else { "NumericClass::Plain" }),
    }
    /// Size of a symbolic input dimension.
    input_dims: BTreeMap<String, usize> {
        flag: "input-dim" "NAME=SIZE" Vec::new, repeats: true,
        builder: |options, sizes: impl IntoIterator<Item = (impl Into<String>, usize)>| {
            options.input_dims.extend(sizes.into_iter().map(|(name, size)| (name.into(), size)));
        },
        set: |options, text| {
            let pair = text.rsplit_once('=').and_then(|(name, size)| Some((name.to_owned(), size.parse().ok().filter(|&size| size > 0)?)));
            let (name, size) = pair.ok_or("give NAME=SIZE with a size of 1 or more, such as `batch=1`")?;
            options.input_dims.insert(name, size);
            Ok(())
        },
        show: |options| options.input_dims.iter().map(|(name, size)| format!("{name}={size}")).collect(),
        code: |value| {
            let (name, size) = value.rsplit_once('=').unwrap_or((value, "N"));
            format!(".input_dims([({name:?}, {size})])")
        },
    }
    /// All dimensions of an input, such as `x=1,3,64,64`, in place of what the model and `--input-dim` say.
    input_shapes: BTreeMap<String, Vec<usize>> {
        flag: "input-shape" "NAME=DIMS" Vec::new, repeats: true,
        builder: |options, shapes: impl IntoIterator<Item = (impl Into<String>, impl Into<Vec<usize>>)>| {
            options.input_shapes.extend(shapes.into_iter().map(|(name, dims)| -> (String, Vec<usize>) { (name.into(), dims.into()) }));
        },
        set: |options, text| {
            let (name, dims) = shape::parse(text)?;
            options.input_shapes.insert(name, dims);
            Ok(())
        },
        show: |options| options.input_shapes.iter().map(|(name, dims)| shape::text(name, dims)).collect(),
        code: shape::code,
    }
    /// End the graph at a tensor of this name, in place of the model's outputs; what no such tensor needs is not looked at.
    output_names: Vec<String> {
        flag: "output" "NAME" Vec::new, repeats: true,
        builder: |options, names: impl IntoIterator<Item = impl Into<String>>| {
            options.output_names.extend(names.into_iter().map(Into::<String>::into));
        },
        set: |options, text| {
            if options.output_names.iter().any(|name| name == text) {
                return Err("give each output once".to_owned());
            }
            options.output_names.push(text.to_owned());
            Ok(())
        },
        show: |options| options.output_names.clone(),
        code: |value| format!(".output_names([{value:?}])"),
    }
    /// RAM for activations, such as 512K, or `min`; by default the least that reads no weights again.
    ram_budget: RamBudget {
        flag: "ram-budget" "BYTES|min" Vec::new, repeats: false,
        builder: |options, budget: impl Into<RamBudget>| options.ram_budget = budget.into(),
        set: |options, text| {
            options.ram_budget = text.parse()?;
            Ok(())
        },
        show: |options| match options.ram_budget {
            RamBudget::Thrifty => Vec::new(),
            RamBudget::Least => vec!["min".to_owned()],
            RamBudget::Bytes(bytes) => vec![bytes.to_string()],
        },
        code: |value| format!(".ram_budget({})", if value == "min" { "RamBudget::Least" } else { value }),
    }
    /// Where the results lie: `arena`, in the model's memory, or `caller`, in arrays that `run_into` is given.
    outputs: Placement {
        flag: "outputs" "PLACE" || vec!["arena", "caller"], repeats: false,
        builder: |options, place: Placement| options.outputs = place,
        set: |options, text| {
            options.outputs = match text {
                "arena" => Placement::Arena,
                "caller" => Placement::Caller,
                _ => return Err("the places are arena and caller".to_owned()),
            };
            Ok(())
        },
        show: |options| (options.outputs == Placement::Caller).then(|| "caller".to_owned()).into_iter().collect(),
        code: |value| format!(".outputs({})", if value == "caller" { "Placement::Caller" } else { "Placement::Arena" }),
    }
    /// How inputs come: `whole`, as arrays, or `rows`, by a function that `run` calls for one row of pixels after the other.
    input: InputForm {
        flag: "input" "FORM" || vec!["whole", "rows"], repeats: false,
        builder: |options, form: InputForm| options.input = form,
        set: |options, text| {
            options.input = match text {
                "whole" => InputForm::Whole,
                "rows" => InputForm::Rows,
                _ => return Err("the forms are whole and rows".to_owned()),
            };
            Ok(())
        },
        show: |options| (options.input == InputForm::Rows).then(|| "rows".to_owned()).into_iter().collect(),
        code: |value| format!(".input({})", if value == "rows" { "InputForm::Rows" } else { "InputForm::Whole" }),
    }
    /// RAM for copies of the weights that are read row by row, such as 64K, beside that for activations; none by default.
    pin_weights: usize {
        flag: "pin-weights" "BYTES" Vec::new, repeats: false,
        builder: |options, bytes: usize| options.pin_weights = bytes,
        set: |options, text| {
            options.pin_weights = bytes::parse(text)?;
            Ok(())
        },
        show: |options| differing(options.pin_weights, 0),
        code: |value| format!(".pin_weights({value})"),
    }
    /// Make boxes of the outputs, as FILE or MODEL.toml says.
    detect: Option<PathBuf> {
        flag: "detect" "[FILE]" Vec::new, repeats: false,
        builder: |options, description: impl Into<PathBuf>| options.detect = Some(description.into()),
        set: |options, text| {
            options.detect = Some(text.into());
            Ok(())
        },
        show: |options| options.detect.iter().map(|path| path.display().to_string()).collect(),
        code: |value| format!(".detect({value:?})"),
    }
    /// Compute in bytes, by the ranges of values in FILE, which `peleec quantize` writes.
    quant: Option<PathBuf> {
        flag: "quant" "FILE" Vec::new, repeats: false,
        builder: |options, calibration: impl Into<PathBuf>| options.quant = Some(calibration.into()),
        set: |options, text| {
            options.quant = Some(text.into());
            Ok(())
        },
        show: |options| options.quant.iter().map(|path| path.display().to_string()).collect(),
        code: |value| format!(".quant({value:?})"),
    }
    /// Elements at the border: `graph`, as the model says, or `int8`, where a network of bytes has floats there.
    io: IoForm {
        flag: "io" "FORM" || vec!["graph", "int8"], repeats: false,
        builder: |options, form: IoForm| options.io = form,
        set: |options, text| {
            options.io = match text {
                "graph" => IoForm::Graph,
                "int8" => IoForm::Int8,
                _ => return Err("the forms are graph and int8".to_owned()),
            };
            Ok(())
        },
        show: |options| (options.io == IoForm::Int8).then(|| "int8".to_owned()).into_iter().collect(),
        code: |value| format!(".io({})", if value == "int8" { "IoForm::Int8" } else { "IoForm::Graph" }),
    }
    /// Take frames of a camera, such as rgb565:320x240, in place of the input.
    frame: Option<FrameLayout> {
        flag: "frame" "FORMAT:WxH" Vec::new, repeats: false,
        builder: |options, layout: FrameLayout| options.frame = Some(layout),
        set: |options, text| {
            options.frame = Some(frame::layout(text)?);
            Ok(())
        },
        show: |options| options.frame.iter().map(frame::layout_text).collect(),
        code: |value| match frame::layout(value) {
            Ok(FrameLayout { format, width, height }) => {
                format!(".frame(FrameLayout {{ format: PixelFormat::{format:?}, width: {width}, height: {height} }})")
            }
            Err(_) => ".frame(..)".to_owned(),
        },
    }
    /// What is taken from each colour of a picture, in the input's order; by default what the model's description says.
    mean: Option<[f32; 3]> {
        flag: "mean" "A,B,C" Vec::new, repeats: false,
        builder: |options, mean: [f32; 3]| options.mean = Some(mean),
        set: |options, text| {
            options.mean = Some(frame::colours(text)?);
            Ok(())
        },
        show: |options| options.mean.iter().map(frame::colours_text).collect(),
        code: |value| frame::colours(value).map_or_else(|_| ".mean(..)".to_owned(), |colours| format!(".mean({colours:?})")),
    }
    /// What a colour less its mean is multiplied by, in the input's order; by default what the model's description says.
    scale: Option<[f32; 3]> {
        flag: "scale" "A,B,C" Vec::new, repeats: false,
        builder: |options, scale: [f32; 3]| options.scale = Some(scale),
        set: |options, text| {
            options.scale = Some(frame::colours(text)?);
            Ok(())
        },
        show: |options| options.scale.iter().map(frame::colours_text).collect(),
        code: |value| frame::colours(value).map_or_else(|_| ".scale(..)".to_owned(), |colours| format!(".scale({colours:?})")),
    }
    /// Which colour of a picture comes first in the input, or gray of one channel; by default what the model's description says, or else red.
    order: Option<ColourOrder> {
        flag: "order" "ORDER" ColourOrder::names, repeats: false,
        builder: |options, order: ColourOrder| options.order = Some(order),
        set: |options, text| {
            options.order = Some(ColourOrder::named(text)?);
            Ok(())
        },
        show: |options| options.order.iter().map(|value| value.name().to_owned()).collect(),
        code: |value| ColourOrder::named(value).map_or_else(|_| ".order(..)".to_owned(), |value| format!(".order(ColourOrder::{value:?})")),
    }
    /// How a picture of another shape than the input's becomes one of it: stretched, or with what it leaves free at the mean.
    fit: Option<Fit> {
        flag: "fit" "FIT" Fit::names, repeats: false,
        builder: |options, fit: Fit| options.fit = Some(fit),
        set: |options, text| {
            options.fit = Some(Fit::named(text)?);
            Ok(())
        },
        show: |options| options.fit.iter().map(|value| value.name().to_owned()).collect(),
        code: |value| Fit::named(value).map_or_else(|_| ".fit(..)".to_owned(), |value| format!(".fit(Fit::{value:?})")),
    }
    /// How pixels between pixels are made; by default what the model's description says, or bilinear.
    resize: Option<Resize> {
        flag: "resize" "HOW" Resize::names, repeats: false,
        builder: |options, resize: Resize| options.resize = Some(resize),
        set: |options, text| {
            options.resize = Some(Resize::named(text)?);
            Ok(())
        },
        show: |options| options.resize.iter().map(|value| value.name().to_owned()).collect(),
        code: |value| Resize::named(value).map_or_else(|_| ".resize(..)".to_owned(), |value| format!(".resize(Resize::{value:?})")),
    }
    /// Section of the weights in the linked image, such as `.peleec.weights`; needs `unsafe` attributes to be allowed.
    weights_section: Option<String> {
        flag: "weights-section" "SECTION" Vec::new, repeats: false,
        builder: |options, section: impl Into<String>| options.weights_section = Some(section.into()),
        set: |options, text| {
            options.weights_section = Some(text.to_owned());
            Ok(())
        },
        show: |options| options.weights_section.iter().cloned().collect(),
        code: |value| format!(".weights_section({value:?})"),
    }
    /// Read weights from files that the model names, if they lie in its own folder.
    allow_external: bool {
        flag: "allow-external" "" Vec::new, repeats: false,
        builder: |options, allow: bool| options.allow_external = allow,
        set: |options, _| {
            options.allow_external = true;
            Ok(())
        },
        show: |options| options.allow_external.then(String::new).into_iter().collect(),
        code: |_| ".allow_external(true)".to_owned(),
    }
}

/// The value as text, unless it is the default.
fn differing<T: PartialEq + ToString>(value: T, default: T) -> Vec<String> {
    if value == default { Vec::new() } else { vec![value.to_string()] }
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
        Err(OptionError { flag: "--numeric".to_owned(), value: numeric.to_string(), why })
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
        options.set("input-dim", "h=w/2=7").unwrap();
        assert_eq!(options.input_dims["h=w/2"], 7);
        assert!(options.set("input-dim", "batch=0").is_err());
        options.set("input-shape", "h=w/2=1,3,64,64").unwrap();
        assert_eq!(options.input_shapes["h=w/2"], [1, 3, 64, 64]);
        options.set("output", "a").unwrap();
        options.set("output", "b").unwrap();
        assert_eq!(options.output_names, ["a", "b"]);
        options.set("frame", "yuv422:320x240").unwrap();
        assert_eq!(options.frame.map(|frame| (frame.width, frame.height)), Some((320, 240)));
        options.set("mean", "7").unwrap();
        assert_eq!(options.mean, Some([7.0; 3]));
        for (flag, wrong) in
            [("frame", "rgb565"), ("frame", "rgb:3x3"), ("frame", "gray8:3x-3"), ("mean", "1,2"), ("scale", "inf"), ("fit", "Warp")]
                .into_iter()
                .chain(["x", "x=", "=1", "x=1,0", "x=1,,2", "x=1x2", "x=-1", "x=99999999999999999999"].map(|text| ("input-shape", text)))
                .chain([("output", "a")])
        {
            assert!(options.set(flag, wrong).is_err(), "--{flag} {wrong}");
        }
        assert!(options.set("target", "pdp-11").unwrap_err().to_string().contains("cortex-m0plus"));
    }
}
