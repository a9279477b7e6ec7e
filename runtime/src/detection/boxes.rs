//! Boxes as left, top, right and bottom.

/// Whether all corners are finite, and the box has a width and a height.
pub(super) fn is_sound(corners: &[f32; 4]) -> bool {
    let [left, top, right, bottom] = *corners;
    corners.iter().all(|corner| corner.is_finite()) && right - left > 0.0 && bottom - top > 0.0
}

/// Intersection over union of two boxes; zero where they do not meet.
pub(super) fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let width = least(a[2], b[2]) - most(a[0], b[0]);
    let height = least(a[3], b[3]) - most(a[1], b[1]);
    if width > 0.0 && height > 0.0 {
        let common = width * height;
        common / (area(a) + area(b) - common)
    } else {
        0.0
    }
}

fn area(corners: &[f32; 4]) -> f32 {
    (corners[2] - corners[0]) * (corners[3] - corners[1])
}

fn least(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

fn most(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}
