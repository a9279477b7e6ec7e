//! Where elements of the output lie along an axis, and which neighbours they are made of there.

use super::table::Table;
use crate::node::NodeView;
use crate::ops::OpError;

/// What an axis is resized to.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) to: usize,
    pub(super) scale: f32,
}

/// How elements are made of their neighbours.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mode {
    Nearest(Rounding),
    Smooth(Filter),
}

/// What a neighbour counts by its distance.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Filter {
    kernel: Kernel,
    /// Neighbours beside the input count for nothing, rather than as the one at the edge.
    exclude_outside: bool,
    /// Where an axis shrinks the filter is as much wider.
    antialias: bool,
}

/// The form of a filter.
#[derive(Clone, Copy, PartialEq)]
enum Kernel {
    Linear,
    /// Of two polynomials, with the coefficient of the outer one.
    Cubic(f32),
}

/// Which neighbour is the nearest.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Rounding {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
    /// As it was before opset 11: the lower one, or the upper one where the axis shrinks.
    Outer,
}

/// Where elements of the output lie in the input.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    TfHalfPixelForNn,
    TfCropAndResize,
}

/// The arithmetic of one axis.
pub(super) struct Method {
    mode: Mode,
    pub(super) coordinates: Coordinates,
}

impl Method {
    pub(super) fn parse(node: &NodeView<'_>) -> Result<Self, OpError> {
        let is_old = !is_resize_of_11(node);
        let antialias = node.flag("antialias")?.unwrap_or(false);
        let smooth = |kernel: Kernel, exclude_outside: bool| Mode::Smooth(Filter { kernel, exclude_outside, antialias });
        let mode = match node.string("mode")?.unwrap_or("nearest") {
            "nearest" if is_old => Mode::Nearest(Rounding::Outer),
            "nearest" if antialias => {
                return Err(
                    OpError::new("attribute `antialias` is 1, and `mode` is `nearest`").supported("`antialias` of linear and cubic")
                );
            }
            "nearest" => Mode::Nearest(match node.string("nearest_mode")?.unwrap_or("round_prefer_floor") {
                "round_prefer_floor" => Rounding::PreferFloor,
                "round_prefer_ceil" => Rounding::PreferCeil,
                "floor" => Rounding::Floor,
                "ceil" => Rounding::Ceil,
                _ => return Err(node.unread("nearest_mode")),
            }),
            // Of linear filters the attribute says something only where they are wider.
            "linear" => smooth(Kernel::Linear, antialias && node.flag("exclude_outside")?.unwrap_or(false)),
            "cubic" if !is_old => {
                let coefficient = node.finite("cubic_coeff_a")?.unwrap_or(-0.75);
                smooth(Kernel::Cubic(coefficient), node.flag("exclude_outside")?.unwrap_or(false))
            }
            other => {
                // A value of later operator sets.
                return Err(OpError::new(format!("attribute `mode` is `{other}`")).supported("nearest, linear"));
            }
        };
        let coordinates = match node.string("coordinate_transformation_mode")?.unwrap_or("half_pixel") {
            _ if is_old => Coordinates::Asymmetric,
            "half_pixel" => Coordinates::HalfPixel,
            "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "align_corners" => Coordinates::AlignCorners,
            "asymmetric" => Coordinates::Asymmetric,
            "tf_half_pixel_for_nn" => Coordinates::TfHalfPixelForNn,
            "tf_crop_and_resize" => Coordinates::TfCropAndResize,
            _ => return Err(node.unread("coordinate_transformation_mode")),
        };
        Ok(Method { mode, coordinates })
    }

    /// Whether the filter is wider where an axis shrinks.
    pub(super) fn is_antialiased(&self) -> bool {
        matches!(self.mode, Mode::Smooth(Filter { antialias: true, .. }))
    }

    /// What the elements of an axis are made of; no extent is zero.
    pub(super) fn table(&self, target: Target, from: usize, roi: [f32; 2]) -> Table {
        let taps = match self.mode {
            Mode::Nearest(_) => 1,
            Mode::Smooth(filter) => filter.most(target.scale),
        };
        let mut table = Table { from, taps: taps.min(from), first: Vec::new(), factors: Vec::new() };
        for at in 0..target.to {
            let x = self.coordinate(at, target, from, roi);
            if self.coordinates == Coordinates::TfCropAndResize && !(0.0..=(from - 1) as f32).contains(&x) {
                table.push_outside();
                continue;
            }
            match self.mode {
                Mode::Nearest(rounding) => table.push(rounding.nearest(x, target.scale < 1.0), &[1.0]),
                Mode::Smooth(filter) => {
                    let (first, factors) = filter.at(x, target.scale, from);
                    table.push(first, &factors);
                }
            }
        }
        table
    }

    /// Where element `at` of the output lies in the input.
    fn coordinate(&self, at: usize, Target { to, scale }: Target, from: usize, [begin, end]: [f32; 2]) -> f32 {
        let x = at as f32;
        let last = from.saturating_sub(1) as f32;
        let half_pixel = (x + 0.5) / scale - 0.5;
        match self.coordinates {
            Coordinates::HalfPixel => half_pixel,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = to as f32 / (scale * from as f32);
                let offset = from as f32 / 2.0 * (1.0 - adjustment);
                // Here onnxruntime rounds once, at the end.
                (f64::from(offset) + (f64::from(x) + 0.5) / f64::from(scale) - 0.5) as f32
            }
            Coordinates::PytorchHalfPixel => {
                if to > 1 {
                    half_pixel
                } else {
                    0.0
                }
            }
            Coordinates::AlignCorners if to == 1 => 0.0,
            Coordinates::AlignCorners => x * last / (to - 1) as f32,
            Coordinates::Asymmetric => x / scale,
            Coordinates::TfHalfPixelForNn => (x + 0.5) / scale,
            Coordinates::TfCropAndResize if to == 1 => 0.5 * (begin + end) * last,
            Coordinates::TfCropAndResize => begin * last + x * (end - begin) * last / (to - 1) as f32,
        }
    }
}

impl Filter {
    /// By what the filter is narrower than at its usual width of one neighbour to each side, or two.
    fn narrowing(self, scale: f32) -> f64 {
        if self.antialias { f64::from(scale).min(1.0) } else { 1.0 }
    }

    /// How far from an element its neighbours lie.
    fn radius(self, scale: f32) -> f64 {
        let usual = match self.kernel {
            Kernel::Linear => 1.0,
            Kernel::Cubic(_) => 2.0,
        };
        usual / self.narrowing(scale)
    }

    /// The most neighbours that an element is made of.
    fn most(self, scale: f32) -> usize {
        (2.0 * self.radius(scale)).ceil() as usize
    }

    /// The first neighbour of an element at `x`, and the factors of it and those that follow.
    fn at(self, x: f32, scale: f32, from: usize) -> (i64, Vec<f64>) {
        if !self.antialias {
            let (below, part) = parts(x);
            return match self.kernel {
                Kernel::Linear => (below, vec![1.0 - part, part]),
                Kernel::Cubic(coefficient) => (below - 1, self.normalized(below - 1, cubic(f64::from(coefficient), part).to_vec(), from)),
            };
        }
        let (x, radius) = (f64::from(x), self.radius(scale));
        let first = (x - radius).floor() as i64 + 1;
        // As rounded, the window may be wider than it is.
        let count = ((x + radius).ceil() as i64 - first).clamp(1, self.most(scale) as i64);
        let factor = |at: i64| self.kernel.factor((at as f64 - x).abs() * self.narrowing(scale));
        (first, self.normalized(first, (first..first + count).map(factor).collect(), from))
    }

    /// The factors of the neighbours from `first` on, with a sum of one where the filter's form does not give that.
    fn normalized(self, first: i64, mut factors: Vec<f64>, from: usize) -> Vec<f64> {
        if self.exclude_outside {
            let is_outside = |at: i64| !(0..from as i64).contains(&at);
            (first..).zip(&mut factors).filter(|(at, _)| is_outside(*at)).for_each(|(_, factor)| *factor = 0.0);
        }
        let sum: f64 = factors.iter().sum();
        if (self.exclude_outside || self.antialias) && sum != 0.0 {
            factors.iter_mut().for_each(|factor| *factor /= sum);
        }
        factors
    }
}

impl Kernel {
    /// What a neighbour at `distance`, from zero on, counts.
    fn factor(self, distance: f64) -> f64 {
        match self {
            Kernel::Linear => (1.0 - distance).max(0.0),
            Kernel::Cubic(a) if distance <= 1.0 => near(a.into(), distance),
            Kernel::Cubic(a) if distance < 2.0 => far(a.into(), distance),
            Kernel::Cubic(_) => 0.0,
        }
    }
}

impl Rounding {
    /// The neighbour of `x`, which may lie beside the input.
    fn nearest(self, x: f32, shrinks: bool) -> i64 {
        match self {
            Rounding::PreferFloor if x == x.trunc() + 0.5 => x.floor() as i64,
            Rounding::PreferFloor | Rounding::PreferCeil => x.round() as i64,
            Rounding::Floor => x.floor() as i64,
            Rounding::Ceil => x.ceil() as i64,
            Rounding::Outer => (if shrinks { x.ceil() } else { x.floor() }) as i64,
        }
    }
}

/// The whole number below `x`, and what is left.
fn parts(x: f32) -> (i64, f64) {
    (x.floor() as i64, f64::from(x) - f64::from(x.floor()))
}

/// The factors of the two neighbours below and the two above.
fn cubic(a: f64, part: f64) -> [f64; 4] {
    [far(a, part + 1.0), near(a, part), near(a, 1.0 - part), far(a, 2.0 - part)]
}

/// What a neighbour at distance `t` counts in the cubic filter of coefficient `a`, up to one.
fn near(a: f64, t: f64) -> f64 {
    ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0
}

/// From one to two.
fn far(a: f64, t: f64) -> f64 {
    ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a
}

/// Whether the node has the inputs that `Resize` has since opset 11: `roi`, `scales` and `sizes`.
pub(super) fn is_resize_of_11(node: &NodeView<'_>) -> bool {
    node.op_type == "Resize" && node.opset >= 11
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_where_the_rounding_says() {
        let roundings = [Rounding::PreferFloor, Rounding::PreferCeil, Rounding::Floor, Rounding::Ceil];
        for (x, nearest) in [(0.5, [0, 1, 0, 1]), (1.5, [1, 2, 1, 2]), (1.25, [1, 1, 1, 2]), (1.75, [2, 2, 1, 2]), (2.0, [2; 4])] {
            assert_eq!(roundings.map(|rounding| rounding.nearest(x, false)), nearest, "{x}");
        }
        assert_eq!([false, true].map(|shrinks| Rounding::Outer.nearest(1.25, shrinks)), [1, 2]);
    }

    #[test]
    fn a_cubic_filter_has_its_known_factors() {
        assert_eq!(cubic(-0.75, 0.5), [-0.09375, 0.59375, 0.59375, -0.09375]);
        for (a, part) in [-0.75, -0.5].into_iter().flat_map(|a| (0..8).map(move |eighth| (a, f64::from(eighth) / 8.0))) {
            let sum: f64 = cubic(a, part).iter().sum();
            assert!((sum - 1.0).abs() < 1e-15, "{a} {part}");
        }
        assert_eq!(cubic(-0.5, 0.0), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn neighbours_beside_the_input_count_for_nothing() {
        let filter = |exclude_outside| Filter { kernel: Kernel::Cubic(-0.75), exclude_outside, antialias: false };
        assert_eq!(filter(false).at(-0.5, 2.0, 4), (-2, vec![-0.09375, 0.59375, 0.59375, -0.09375]));
        assert_eq!(filter(true).at(-0.5, 2.0, 4), (-2, vec![0.0, 0.0, 1.1875, -0.1875]));
    }

    #[test]
    fn a_filter_is_wider_where_an_axis_shrinks() {
        let filter = Filter { kernel: Kernel::Linear, exclude_outside: false, antialias: true };
        assert_eq!(filter.at(1.5, 0.5, 8), (0, vec![0.125, 0.375, 0.375, 0.125]));
        assert_eq!([0.5, 1.0, 2.0].map(|scale| filter.most(scale)), [4, 2, 2]);
    }
}
