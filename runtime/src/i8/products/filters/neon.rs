//! Products of bytes by NEON: sixteen channels of a pixel by those of a filter, two products to a sum of 16 bits.

use core::arch::aarch64::*;
use core::arch::asm;

use crate::element::Element;
use crate::i8::products::neon::{load_sums, load_vector, store_sums, turns, zero};
use crate::i8::products::{Block, Runs};

pub(super) const PIXELS: usize = 4;
/// How many filters are worked on together.
pub(super) const FILTERS: usize = 4;

/// Channels of a vector.
const CHANNELS: usize = 16;

/// [`Products::add_runs`](crate::i8::products::sealed::Products::add_runs) for bytes, filter by filter.
///
/// # Safety
/// As there, of a tile of `PIXELS`, whose sums lie at `sums`, `N` a pixel, a multiple of `FILTERS`.
#[inline(always)]
pub(super) unsafe fn add_runs<F: Element, const N: usize>(sums: *mut i32, x: [*const u8; PIXELS], w: *const i8, runs: Runs, block: Block) {
    let mut first = 0;
    while first < block.valid {
        let (sums, w) = (sums.wrapping_add(first), w.wrapping_add(first * block.filter));
        // SAFETY: the caller's contract: as many filters more.
        unsafe {
            if const { !turns::<F>() } && runs.count > 0 && runs.len >= CHANNELS {
                add_vectors::<N>(sums, x, w, runs, block.filter);
            } else {
                for run in 0..runs.count {
                    let x = x.map(|x| x.wrapping_add(run * runs.step));
                    let w = core::array::from_fn(|n| w.wrapping_add(n * block.filter + run * runs.len));
                    add_any::<F, N>(sums, x, w, runs.len);
                }
            }
        }
        first += FILTERS;
    }
}

/// [`add_runs`] for `FILTERS` and a run of any length, of bytes of either kind. Out of line, as few runs come here.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn add_any<F: Element, const N: usize>(sums: *mut i32, mut x: [*const u8; PIXELS], mut w: [*const i8; FILTERS], len: usize) {
    let mut here = [[zero(); FILTERS]; PIXELS];
    let mut of_weights = [zero(); FILTERS];
    let mut left = len;
    while left > 0 {
        let (mut last_x, mut last_w) = ([[0u8; CHANNELS]; PIXELS], [[0i8; CHANNELS]; FILTERS]);
        // SAFETY: the caller's contract: so many channels are left. What is less than a vector is read from copies, behind which zeros lie.
        unsafe {
            if left < CHANNELS {
                for (last, x) in last_x.iter_mut().zip(&mut x) {
                    x.copy_to_nonoverlapping(last.as_mut_ptr(), left);
                    *x = last.as_ptr();
                }
                for (last, w) in last_w.iter_mut().zip(&mut w) {
                    w.copy_to_nonoverlapping(last.as_mut_ptr(), left);
                    *w = last.as_ptr();
                }
            }
            let weights = w.map(|w| load_vector(w.cast()));
            if turns::<F>() {
                for (sum, &weights) in of_weights.iter_mut().zip(&weights) {
                    *sum = vpadalq_s16(*sum, vpaddlq_s8(weights));
                }
            }
            for (here, x) in here.iter_mut().zip(x) {
                let values = load_vector(x);
                let values = if turns::<F>() { veorq_s8(values, vdupq_n_s8(i8::MIN)) } else { values };
                for (sum, &weights) in here.iter_mut().zip(&weights) {
                    let products = vmull_s8(vget_low_s8(values), vget_low_s8(weights));
                    *sum = vpadalq_s16(*sum, vmlal_high_s8(products, values, weights));
                }
            }
        }
        x = x.map(|x| x.wrapping_add(CHANNELS));
        w = w.map(|w| w.wrapping_add(CHANNELS));
        left -= left.min(CHANNELS);
    }
    for (p, here) in here.into_iter().enumerate() {
        // SAFETY: so many sums.
        unsafe {
            let mut here = here;
            if turns::<F>() {
                for (here, of_weights) in here.iter_mut().zip(of_weights) {
                    *here = vaddq_s32(*here, vshlq_n_s32::<7>(of_weights));
                }
            }
            let [a, b, c, d] = here;
            let sums = sums.add(p * N);
            store_sums(vaddq_s32(load_sums(sums), vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d))), sums);
        }
    }
}

/// The products of a vector of a filter with one of each pixel, made four sums each, or added to these.
macro_rules! products {
    ($add:literal $w:literal: $a:literal $b:literal $c:literal $d:literal: $of_a:literal $of_b:literal $of_c:literal $of_d:literal) => {
        concat!(
            products!("smull" $w ".8b": 10 $a 11 $b 12 $c 13 $d),
            products!("smlal2" $w ".16b": 10 $a 11 $b 12 $c 13 $d),
            $add, " v", $of_a, ".4s, v10.8h\n",
            $add, " v", $of_b, ".4s, v11.8h\n",
            $add, " v", $of_c, ".4s, v12.8h\n",
            $add, " v", $of_d, ".4s, v13.8h\n",
        )
    };
    ($multiply:literal $w:literal $bytes:literal: $($to:literal $x:literal)+) => {
        concat!($($multiply, " v", $to, ".8h, v", $x, $bytes, ", v", $w, $bytes, "\n",)+)
    };
}

/// Those of two vectors of each filter.
macro_rules! two_vectors {
    ($add:literal) => {
        concat!(
            "ld1 {{v0.16b, v1.16b}}, [{a}], #32\n",
            "ld1 {{v2.16b, v3.16b}}, [{b}], #32\n",
            "ld1 {{v4.16b, v5.16b}}, [{c}], #32\n",
            "ld1 {{v6.16b, v7.16b}}, [{d}], #32\n",
            two_vectors!($add "w0": 16 20 24 28),
            two_vectors!($add "w1": 17 21 25 29),
            two_vectors!($add "w2": 18 22 26 30),
            two_vectors!($add "w3": 19 23 27 31),
        )
    };
    ($add:literal $w:literal: $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "ld1 {{v8.16b, v9.16b}}, [{", $w, "}], #32\n",
            products!($add 8: 0 2 4 6: $a $b $c $d),
            products!("sadalp" 9: 1 3 5 7: $a $b $c $d),
        )
    };
}

/// Those of one, of which not all bytes may count.
macro_rules! one_vector {
    ($add:literal $($counts:literal)?) => {
        concat!(
            "ld1 {{v0.16b}}, [{a}], #16\n",
            "ld1 {{v2.16b}}, [{b}], #16\n",
            "ld1 {{v4.16b}}, [{c}], #16\n",
            "ld1 {{v6.16b}}, [{d}], #16\n",
            one_vector!($add "w0" $($counts)?: 16 20 24 28),
            one_vector!($add "w1" $($counts)?: 17 21 25 29),
            one_vector!($add "w2" $($counts)?: 18 22 26 30),
            one_vector!($add "w3" $($counts)?: 19 23 27 31),
        )
    };
    ($add:literal $w:literal $($counts:literal)?: $a:literal $b:literal $c:literal $d:literal) => {
        concat!(
            "ld1 {{v8.16b}}, [{", $w, "}], #16\n",
            $("and v8.16b, v8.16b, ", $counts, "\n",)?
            products!($add 8: 0 2 4 6: $a $b $c $d),
        )
    };
}

/// Adds the four sums of each filter of a pixel to one that is stored.
macro_rules! total {
    ($($a:literal $b:literal $c:literal $d:literal)+) => {
        concat!($(
            "addp v", $a, ".4s, v", $a, ".4s, v", $b, ".4s\n",
            "addp v", $c, ".4s, v", $c, ".4s, v", $d, ".4s\n",
            "ld1 {{v0.4s}}, [{sums}]\n",
            "addp v", $a, ".4s, v", $a, ".4s, v", $c, ".4s\n",
            "add v0.4s, v0.4s, v", $a, ".4s\n",
            "st1 {{v0.4s}}, [{sums}], {pixel}\n",
        )+)
    };
}

/// [`add_runs`] for `FILTERS` that are `filter` bytes apart, and at least a vector of channels, of bytes with signs. By assembly, as one
/// instruction loads vectors and steps on. A vector that is not whole is the end of one that begins before, whose weights there do not count.
///
/// # Safety
/// As there; there are runs.
#[inline(always)]
unsafe fn add_vectors<const N: usize>(sums: *mut i32, [a, b, c, d]: [*const u8; PIXELS], w: *const i8, runs: Runs, filter: usize) {
    /// From byte `n` on, which of the last vector's bytes count where `n` are left.
    const COUNTS: [[i8; CHANNELS]; 2] = [[0; CHANNELS], [-1; CHANNELS]];
    let Runs { count, len, step } = runs;
    // SAFETY: the caller's contract.
    unsafe {
        asm!(
            "add {w1}, {w0}, {filter}",
            "add {w2}, {w1}, {filter}",
            "add {w3}, {w2}, {filter}",
            "lsr {n}, {len}, #5",
            "cbz {n}, 7f",
            // The first products are the sums' beginning.
            two_vectors!("saddlp"),
            "subs {n}, {n}, #1",
            "b.ne 2f",
            "b 3f",
            "7:",
            one_vector!("saddlp"),
            "b 4f",
            "8:",
            "lsr {n}, {len}, #5",
            "cbz {n}, 3f",
            "2:",
            two_vectors!("sadalp"),
            "subs {n}, {n}, #1",
            "b.ne 2b",
            "3:",
            "tbz {len}, #4, 4f",
            one_vector!("sadalp"),
            "4:",
            "ands {n}, {len}, #15",
            "b.eq 5f",
            "sub {n}, {n}, #16",
            "add {a}, {a}, {n}",
            "add {b}, {b}, {n}",
            "add {c}, {c}, {n}",
            "add {d}, {d}, {n}",
            "add {w0}, {w0}, {n}",
            "add {w1}, {w1}, {n}",
            "add {w2}, {w2}, {n}",
            "add {w3}, {w3}, {n}",
            "ld1 {{v1.16b}}, [{counts}]",
            one_vector!("sadalp" "v1.16b"),
            "5:",
            "subs {count}, {count}, #1",
            "b.eq 6f",
            "add {a}, {a}, {gap}",
            "add {b}, {b}, {gap}",
            "add {c}, {c}, {gap}",
            "add {d}, {d}, {gap}",
            "b 8b",
            "6:",
            total!(16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31),
            sums = inout(reg) sums => _, pixel = in(reg) 4 * N,
            a = inout(reg) a => _, b = inout(reg) b => _, c = inout(reg) c => _, d = inout(reg) d => _,
            w0 = inout(reg) w => _, w1 = out(reg) _, w2 = out(reg) _, w3 = out(reg) _, filter = in(reg) filter,
            len = in(reg) len, count = inout(reg) count => _, gap = in(reg) step.wrapping_sub(len), n = out(reg) _,
            counts = in(reg) COUNTS.as_ptr().cast::<i8>().wrapping_add(len % CHANNELS),
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _,
            out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _, out("v23") _,
            out("v24") _, out("v25") _, out("v26") _, out("v27") _, out("v28") _, out("v29") _, out("v30") _, out("v31") _,
            options(nostack)
        );
    }
}
