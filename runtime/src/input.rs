//! Rows of inputs that lie in arrays, for models that ask for theirs row by row.

use crate::element::Element;

/// Gives the rows of a planar map `[C, H, W]`, as ONNX has them: pixel `x` of row `y` gets element `(c * H + y) * W + x` as its channel
/// `c`. A row that the map does not have is left as it is.
///
/// ```
/// let map = [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0];
/// let mut row = [[0.0; 2]; 2];
/// peleec_runtime::planar_rows(&map)(1, &mut row);
/// assert_eq!(row, [[3.0, 30.0], [4.0, 40.0]]);
/// ```
pub fn planar_rows<T: Element, const W: usize, const C: usize>(map: &[T]) -> impl FnMut(usize, &mut [[T; C]; W]) {
    let height = map.len() / W.max(1) / C.max(1);
    move |y, row| {
        if y < height {
            for (x, pixel) in row.iter_mut().enumerate() {
                for (c, to) in pixel.iter_mut().enumerate() {
                    if let Some(from) = map.get((c * height + y) * W + x) {
                        *to = *from;
                    }
                }
            }
        }
    }
}

/// Gives the rows of a map `[H, W, C]`, as cameras and picture files have them: pixel `x` of row `y` gets element `(y * W + x) * C + c` as
/// its channel `c`. A row that the map does not have is left as it is.
///
/// ```
/// let map = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0];
/// let mut row = [[0.0; 2]; 2];
/// peleec_runtime::interleaved_rows(&map)(1, &mut row);
/// assert_eq!(row, [[3.0, 30.0], [4.0, 40.0]]);
/// ```
pub fn interleaved_rows<T: Element, const W: usize, const C: usize>(map: &[T]) -> impl FnMut(usize, &mut [[T; C]; W]) {
    move |y, row| {
        let begin = y.saturating_mul(W).saturating_mul(C);
        let from = map.get(begin..).unwrap_or_default();
        for (to, from) in row.iter_mut().flatten().zip(from) {
            *to = *from;
        }
    }
}
