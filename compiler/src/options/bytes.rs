//! Numbers of bytes, as people write them and as peleec prints them.

/// Units of 1, 1024, .. bytes: every form that is taken, in lower case.
const UNITS: [(&[&str], u32); 4] = [(&["", "b"], 0), (&["k", "kib"], 10), (&["m", "mib"], 20), (&["g", "gib"], 30)];

/// Reads `200000`, `512K`, `512 KiB`, `1.5MiB`; a part of a byte is left out.
pub(super) fn parse(text: &str) -> Result<usize, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim_start().to_ascii_lowercase());
    let shift = UNITS.iter().find(|(names, _)| names.contains(&unit.as_str())).map(|&(_, shift)| shift);
    let bytes = shift.and_then(|shift| scaled(number, shift)).and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| "give a number of bytes, or of KiB (K), MiB (M) or GiB (G)".to_owned())
}

/// A decimal number, shifted; fractions go with units only.
fn scaled(number: &str, shift: u32) -> Option<u128> {
    let (whole, part) = number.split_once('.').map_or((number, None), |(whole, part)| (whole, Some(part)));
    let whole = u128::from(whole.parse::<u64>().ok()?) << shift;
    match part {
        None => Some(whole),
        Some(part) if shift > 0 && part.len() <= 18 => {
            let ten = 10u128.pow(part.len() as u32);
            Some(whole + ((u128::from(part.parse::<u64>().ok()?) << shift) / ten))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_given() {
        for (text, bytes) in [
            ("0", 0),
            ("200000", 200_000),
            ("200000B", 200_000),
            ("512K", 512 << 10),
            ("512k", 512 << 10),
            ("512KiB", 512 << 10),
            ("512 KiB", 512 << 10),
            ("1.5MiB", 3 << 19),
            ("1.5 M", 3 << 19),
            ("1.90 MiB", 1_992_294),
            ("2GiB", 2 << 30),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "lots", "-1", "12Q", "K", ".5M", "1.M", "1.5", "1.5.5M", "1e3", "12KB", "1 2K", "99999999999999999999M", "١K"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
