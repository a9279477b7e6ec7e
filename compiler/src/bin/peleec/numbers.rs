//! Figures as people read them.

/// `1x3x304x304`.
pub(crate) fn dims(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

/// `5.64 MiB`, three digits.
pub(crate) fn bytes(bytes: usize) -> String {
    scaled(bytes as f64, 1024.0, &["B", "KiB", "MiB", "GiB"])
}

/// `1.205 GMAC`, four digits.
pub(crate) fn macs(macs: u64) -> String {
    let units = ["MAC", "kMAC", "MMAC", "GMAC", "TMAC"];
    let (mut value, mut unit) = (macs as f64, 0);
    while value >= 999.95 && unit + 1 < units.len() {
        (value, unit) = (value / 1000.0, unit + 1);
    }
    if unit == 0 { format!("{macs} MAC") } else { format!("{value:.*} {}", digits(value, 4), units[unit]) }
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value >= step && unit + 1 < units.len() {
        (value, unit) = (value / step, unit + 1);
    }
    if unit == 0 { format!("{value} {}", units[0]) } else { format!("{value:.*} {}", digits(value, 3), units[unit]) }
}

/// Places behind the point that make `wanted` digits in all.
fn digits(value: f64, wanted: usize) -> usize {
    let before = if value < 10.0 {
        1
    } else if value < 100.0 {
        2
    } else {
        3
    };
    wanted.saturating_sub(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_their_digits() {
        assert_eq!((bytes(512), bytes(5_914_624), bytes(21_700_000)), ("512 B".into(), "5.64 MiB".into(), "20.7 MiB".into()));
        assert_eq!((macs(1_204_968_960), macs(283_296), macs(7)), ("1.205 GMAC".into(), "283.3 kMAC".into(), "7 MAC".into()));
        assert_eq!((dims(&[1, 3, 304, 304]), dims(&[])), ("1x3x304x304".into(), "scalar".into()));
    }
}
