//! Values that go by names in descriptions and options.

use peleec_runtime::{ColourOrder, Fit, PixelFormat, Resize};
use serde::de::{Deserialize, Deserializer, Error};

/// A value that goes by a name.
pub(crate) trait Named: Copy + PartialEq + 'static {
    /// Every value with its name.
    const NAMES: &'static [(&'static str, Self)];

    /// The value of a name; else which names there are.
    fn named(name: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|&(_, value)| value).ok_or_else(|| format!("there are {}", Self::names().join(", ")))
    }

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, value)| *value == self).map_or("", |(name, _)| name)
    }

    fn names() -> Vec<&'static str> {
        Self::NAMES.iter().map(|(name, _)| *name).collect()
    }
}

impl Named for ColourOrder {
    const NAMES: &'static [(&'static str, Self)] = &[("rgb", Self::Rgb), ("bgr", Self::Bgr), ("gray", Self::Gray)];
}

impl Named for Fit {
    const NAMES: &'static [(&'static str, Self)] = &[("warp", Self::Warp), ("letterbox", Self::Letterbox)];
}

impl Named for Resize {
    const NAMES: &'static [(&'static str, Self)] = &[("bilinear", Self::Bilinear), ("nearest", Self::Nearest)];
}

impl Named for PixelFormat {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("rgb888", Self::Rgb888),
        ("bgr888", Self::Bgr888),
        ("rgb565", Self::Rgb565),
        ("rgb565be", Self::Rgb565Be),
        ("yuv422", Self::Yuv422),
        ("gray8", Self::Gray8),
    ];
}

/// Reads a value by its name.
pub(crate) fn deserialize<'de, T: Named, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let name = String::deserialize(deserializer)?;
    T::named(&name).map_err(|why| D::Error::custom(format!("unknown name `{name}`: {why}")))
}

/// Reads a number for all channels, or one for each of three.
pub(crate) fn deserialize_channels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f32; 3], D::Error> {
    let numbers = Vec::<f32>::deserialize(deserializer)?;
    channels(&numbers).ok_or_else(|| D::Error::custom(format!("{} numbers: give one, or three for the input's colours", numbers.len())))
}

/// The numbers of three channels, of which one can stand for all.
pub(crate) fn channels(numbers: &[f32]) -> Option<[f32; 3]> {
    match *numbers {
        [all] => Some([all; 3]),
        [first, second, third] => Some([first, second, third]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::ScoreActivation;

    fn assert_reads_back<T: Named + std::fmt::Debug>() {
        for &(name, value) in T::NAMES {
            assert_eq!((T::named(name), value.name()), (Ok(value), name));
        }
        let refusal = T::named("RGB").unwrap_err();
        assert_eq!(refusal, format!("there are {}", T::names().join(", ")));
    }

    #[test]
    fn every_name_reads_back() {
        assert_reads_back::<ColourOrder>();
        assert_reads_back::<Fit>();
        assert_reads_back::<Resize>();
        assert_reads_back::<PixelFormat>();
        assert_reads_back::<ScoreActivation>();
    }

    #[test]
    fn one_number_or_three_are_those_of_three_channels() {
        assert_eq!([&[2.0][..], &[1.0, 2.0, 3.0]].map(channels), [Some([2.0; 3]), Some([1.0, 2.0, 3.0])]);
        assert_eq!([&[][..], &[1.0, 2.0], &[0.0; 4]].map(channels), [None; 3]);
    }
}
