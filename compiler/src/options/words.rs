//! Options as one line of command-line flags, for the head of a generated file; and flags in a text as the builder's methods.

use super::{FLAGS, Flag, OptionError, Options};
use crate::diagnostics::clean::{clean_json, is_hidden};

/// A word of the line: as it is, or in quotes with JSON's escapes where it would not be one word.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._=/:+,-".contains(c);
    if !word.is_empty() && word.chars().all(|c| is_plain(c) && !is_hidden(c)) {
        return word.to_owned();
    }
    clean_json(&serde_json::Value::from(word).to_string())
}

/// The words of a line that [`quoted`] wrote; none where a quote is not closed.
pub(crate) fn split(line: &str) -> Option<Vec<String>> {
    let (mut words, mut rest) = (Vec::new(), line.trim());
    while !rest.is_empty() {
        let end = if rest.starts_with('"') {
            let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            words.push(strings.next()?.ok()?);
            strings.byte_offset()
        } else {
            let end = rest.find(' ').unwrap_or(rest.len());
            words.push(rest[..end].to_owned());
            end
        };
        rest = rest[end..].trim_start();
    }
    Some(words)
}

impl Options {
    /// The flags that ask for these options, in one line; empty where all is as by default.
    pub fn flags(&self) -> String {
        let mut words = Vec::new();
        for flag in FLAGS {
            for value in (flag.show)(self) {
                words.push(format!("--{}", flag.name));
                words.extend((!flag.value.is_empty()).then(|| quoted(&value)));
            }
        }
        words.join(" ")
    }

    /// Reads what [`flags`](Self::flags) wrote.
    pub fn from_flags(line: &str) -> Result<Self, OptionError> {
        let wrong = |flag: &str, why: &str| OptionError { flag: flag.to_owned(), value: String::new(), why: why.to_owned() };
        let mut options = Options::default();
        let mut words = split(line).ok_or_else(|| wrong(line, "a quote is not closed"))?.into_iter();
        while let Some(word) = words.next() {
            let flag = word.strip_prefix("--").and_then(|name| FLAGS.iter().find(|flag| flag.name == name));
            let flag = flag.ok_or_else(|| wrong(&word, "no such option"))?;
            let value = if flag.value.is_empty() { Some(String::new()) } else { words.next() };
            options.set(flag.name, &value.ok_or_else(|| wrong(&word, "its value lacks"))?)?;
        }
        Ok(options)
    }
}

/// A text that speaks of command-line flags, speaking of the builder's methods; a command of Python has flags of its own.
pub(crate) fn as_methods(text: &str) -> String {
    let (own, command) = text.split_at(text.find("python -").unwrap_or(text.len()));
    let (mut result, mut rest) = (String::new(), own);
    while let Some(at) = rest.find("--") {
        result.push_str(&rest[..at]);
        rest = &rest[at + 2..];
        match flag(rest) {
            Some((flag, value, end)) => {
                let is_alone = value.is_empty() && !flag.value.is_empty();
                result.push_str(&if is_alone { format!(".{}(..)", flag.method) } else { (flag.code)(value) });
                rest = &rest[end..];
            }
            None => result.push_str("--"),
        }
    }
    result + rest + command
}

/// The flag whose name and value a text begins with, and where they end.
fn flag(text: &str) -> Option<(&'static Flag, &str, usize)> {
    let len = text.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(text.len());
    let flag = FLAGS.iter().find(|flag| flag.name == &text[..len])?;
    // A flag alone is spoken of.
    let Some(value) = text[len..].strip_prefix([' ', '=']).filter(|_| !flag.value.is_empty()) else { return Some((flag, "", len)) };
    let (start, end) = match value.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        Some(quote) => (1, 1 + value[1..].find(quote)?),
        None => {
            let word = value.find(|c: char| c.is_whitespace() || "`;)".contains(c)).unwrap_or(value.len());
            // A comma inside the word is the value's.
            (0, value[..word].trim_end_matches(',').len())
        }
    };
    let closed = len + 1 + end + start;
    (end > start).then(|| (flag, &value[start..end], closed))
}

#[cfg(test)]
mod tests {
    use peleec_runtime::{ColourOrder, Fit, FrameLayout, PixelFormat, Resize};

    use super::*;
    use crate::options::{InputForm, Placement, RamBudget};
    use crate::target::{NumericClass, Target};

    #[test]
    fn options_read_back_from_their_line() {
        assert_eq!((Options::default().flags(), Options::from_flags("")), (String::new(), Ok(Options::default())));
        let mut options = Options {
            name: Some("net".to_owned()),
            target: Target::CortexM7,
            numeric: Some(NumericClass::Plain),
            ram_budget: RamBudget::Least,
            outputs: Placement::Caller,
            input: InputForm::Rows,
            pin_weights: 65_536,
            detect: Some("".into()),
            frame: Some(FrameLayout { format: PixelFormat::Rgb565, width: 320, height: 240 }),
            mean: Some([103.94, 0.1, -1.5e-9]),
            scale: Some([1.0 / 3.0; 3]),
            order: Some(ColourOrder::Bgr),
            fit: Some(Fit::Letterbox),
            resize: Some(Resize::Nearest),
            weights_section: Some(".a \"b\"".to_owned()),
            allow_external: true,
            ..Options::default()
        };
        options.input_shapes.extend([("x", vec![1, 3, 64, 64]), ("a=\u{202e} b", vec![7])].map(|(name, dims)| (name.to_owned(), dims)));
        options.output_names = ["/fpn/Relu_output_0", "a \"b\"", ""].map(str::to_owned).to_vec();
        options.input_dims.extend([("batch", 1), ("a b\n\u{202e}=--name", 2), ("", 3)].map(|(name, size)| (name.to_owned(), size)));
        let line = options.flags();
        assert!(line.contains("--target cortex-m7 --numeric plain") && line.is_ascii() && !line.contains('\n'), "{line}");
        assert_eq!(Options::from_flags(&line), Ok(options));
        assert!(Options::from_flags("--flap 1").is_err() && Options::from_flags("--name").is_err() && Options::from_flags("\"a").is_err());
    }

    #[test]
    fn flags_in_a_text_become_methods() {
        for (text, expected) in [
            ("--input-dim height=N --input-dim x.3=N", ".input_dims([(\"height\", N)]) .input_dims([(\"x.3\", N)])"),
            ("--input-dim 'a b=N', or", ".input_dims([(\"a b\", N)]), or"),
            ("--allow-external, if you trust the model", ".allow_external(true), if you trust the model"),
            ("leave `--input rows` out", "leave `.input(InputForm::Rows)` out"),
            ("at least --ram-budget 123", "at least .ram_budget(123)"),
            ("--target cortex-m55 has more", ".target(Target::CortexM55) has more"),
            ("cut it off: --out x -- see", "cut it off: --out x -- see"),
            ("cut it off: --output /a/b_0", "cut it off: .output_names([\"/a/b_0\"])"),
            ("`--output NAME` for one, and --output='a b'", "`.output_names([\"NAME\"])` for one, and .output_names([\"a b\"])"),
            ("--input-shape x=1,3,304,304, or --input-dim", ".input_shapes([(\"x\", [1, 3, 304, 304])]), or .input_dims(..)"),
            ("--output x, or: python -m tool --output model.onnx", ".output_names([\"x\"]), or: python -m tool --output model.onnx"),
            ("leave `--frame` out, or --name", "leave `.frame(..)` out, or .name(..)"),
            ("--frame rgb565:320x240", ".frame(FrameLayout { format: PixelFormat::Rgb565, width: 320, height: 240 })"),
            ("--mean 1,2,3 --fit letterbox", ".mean([1.0, 2.0, 3.0]) .fit(Fit::Letterbox)"),
        ] {
            assert_eq!(as_methods(text), expected);
        }
    }
}
