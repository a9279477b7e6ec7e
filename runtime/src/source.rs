//! This crate's own source, for tools that write it out beside generated code so that no registry is needed.

/// Path inside the crate and text of every file that a build of the crate needs.
pub const FILES: &[(&str, &str)] = &[
    ("src/checked.rs", include_str!("checked.rs")),
    ("src/conv2d/mod.rs", include_str!("conv2d/mod.rs")),
    ("src/conv2d/pooled.rs", include_str!("conv2d/pooled.rs")),
    ("src/conv2d/tiles.rs", include_str!("conv2d/tiles.rs")),
    ("src/element.rs", include_str!("element.rs")),
    ("src/executor.rs", include_str!("executor.rs")),
    ("src/expression.rs", include_str!("expression.rs")),
    ("src/f32/activation.rs", include_str!("f32/activation.rs")),
    ("src/f32/arithmetic.rs", include_str!("f32/arithmetic.rs")),
    ("src/f32/depthwise.rs", include_str!("f32/depthwise.rs")),
    ("src/f32/elementwise.rs", include_str!("f32/elementwise.rs")),
    ("src/f32/epilogue.rs", include_str!("f32/epilogue.rs")),
    ("src/f32/exp.rs", include_str!("f32/exp.rs")),
    ("src/f32/matmul.rs", include_str!("f32/matmul.rs")),
    ("src/f32/mod.rs", include_str!("f32/mod.rs")),
    ("src/f32/pad.rs", include_str!("f32/pad.rs")),
    ("src/f32/pool.rs", include_str!("f32/pool.rs")),
    ("src/f32/softmax.rs", include_str!("f32/softmax.rs")),
    ("src/geometry.rs", include_str!("geometry.rs")),
    ("src/input.rs", include_str!("input.rs")),
    ("src/kernel.rs", include_str!("kernel.rs")),
    ("src/lanes/arithmetic.rs", include_str!("lanes/arithmetic.rs")),
    ("src/lanes/cortex/mod.rs", include_str!("lanes/cortex/mod.rs")),
    ("src/lanes/cortex/mve.rs", include_str!("lanes/cortex/mve.rs")),
    ("src/lanes/cortex/vfp.rs", include_str!("lanes/cortex/vfp.rs")),
    ("src/lanes/cortex/window.rs", include_str!("lanes/cortex/window.rs")),
    ("src/lanes/mod.rs", include_str!("lanes/mod.rs")),
    ("src/lanes/neon.rs", include_str!("lanes/neon.rs")),
    ("src/lanes/portable.rs", include_str!("lanes/portable.rs")),
    ("src/lanes/x86.rs", include_str!("lanes/x86.rs")),
    ("src/layer.rs", include_str!("layer.rs")),
    ("src/lib.rs", include_str!("lib.rs")),
    ("src/memory.rs", include_str!("memory.rs")),
    ("src/model.rs", include_str!("model.rs")),
    ("src/rows.rs", include_str!("rows.rs")),
    ("src/schedule.rs", include_str!("schedule.rs")),
    ("src/source.rs", include_str!("source.rs")),
    ("src/taps.rs", include_str!("taps.rs")),
    ("src/threads.rs", include_str!("threads.rs")),
    ("src/views.rs", include_str!("views.rs")),
];

/// A manifest for a copy of the crate that stands alone.
pub const MANIFEST: &str = concat!(
    "[package]\nname = \"peleec-runtime\"\nversion = \"",
    env!("CARGO_PKG_VERSION"),
    "\"\nedition = \"2024\"\nlicense = \"MIT OR Apache-2.0\"\n\n[features]\nsource = []\nthreads = []\n\n[workspace]\n"
);
