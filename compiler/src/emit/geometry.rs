//! A geometry as the Rust expression that builds it, and its type.

use peleec_runtime::{Activation, Binary, BinaryKind, Conv2d, DepthwiseConv2d, Map, MatMul, Pad, Pixels, Plain, Pool2d, PoolKind, Softmax};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::lower::bind::Geometry;
use crate::lower::micro::{MicroKernel, Unit};

/// The geometry's type.
pub(super) fn geometry_type(geometry: &Geometry) -> TokenStream {
    match geometry {
        Geometry::Conv2d(_, MicroKernel { unit, pixels, channels }) => {
            let (unit, pixels, channels) = (unit_type(*unit), int(*pixels), int(*channels));
            quote!(peleec_runtime::Conv2d<#unit, #pixels, #channels>)
        }
        Geometry::DepthwiseConv2d(_, unit) => {
            let unit = unit_type(*unit);
            quote!(peleec_runtime::DepthwiseConv2d<#unit>)
        }
        Geometry::Pool2d(_) => quote!(peleec_runtime::Pool2d),
        Geometry::Map(_) => quote!(peleec_runtime::Map),
        Geometry::Binary(_) => quote!(peleec_runtime::Binary),
        Geometry::Pad(_) => quote!(peleec_runtime::Pad),
        Geometry::Softmax(_) => quote!(peleec_runtime::Softmax),
        Geometry::MatMul(_) => quote!(peleec_runtime::MatMul),
    }
}

/// The expression that builds the geometry, whose type goes by the name `Kernel`.
pub(super) fn geometry_value(geometry: &Geometry) -> TokenStream {
    match geometry {
        Geometry::Conv2d(conv, micro) => conv2d(conv, micro.unit),
        Geometry::DepthwiseConv2d(conv, unit) => depthwise(conv, *unit),
        Geometry::Pool2d(pool) => pool2d(pool),
        Geometry::Map(Map { dims, input, output, activation }) => {
            let [dims, input, output] = [dims, input, output].map(|list| words(list));
            let activation = activation_value(*activation);
            quote!(Kernel { dims: #dims, input: #input, output: #output, activation: #activation })
        }
        Geometry::Binary(Binary { dims, left, right, output, kind }) => {
            let [dims, left, right, output] = [dims, left, right, output].map(|list| words(list));
            let kind = match kind {
                BinaryKind::Add => quote!(Add),
                BinaryKind::Sub => quote!(Sub),
                BinaryKind::Mul => quote!(Mul),
                BinaryKind::Div => quote!(Div),
            };
            quote! {
                Kernel { dims: #dims, left: #left, right: #right, output: #output, kind: peleec_runtime::BinaryKind::#kind }
            }
        }
        Geometry::Pad(Pad { dims, inner, begin, input, output, value }) => {
            let [dims, inner, begin, input, output] = [dims, inner, begin, input, output].map(|list| words(list));
            let value = float(*value);
            quote! {
                Kernel { dims: #dims, inner: #inner, begin: #begin, input: #input, output: #output, value: #value }
            }
        }
        Geometry::Softmax(Softmax { dims, input, output }) => {
            let [dims, input, output] = [dims, input, output].map(|list| words(list));
            quote!(Kernel { dims: #dims, input: #input, output: #output })
        }
        Geometry::MatMul(MatMul { dims, left, right, output }) => {
            let dims = words(dims);
            let [left, right, output] = [left, right, output].map(|list| words(list));
            quote!(Kernel { dims: #dims, left: #left, right: #right, output: #output })
        }
    }
}

fn conv2d(conv: &Conv2d<Plain, 1, 1>, unit: Unit) -> TokenStream {
    let Conv2d {
        input,
        rest,
        output,
        residual,
        kernel,
        strides,
        dilations,
        pads,
        group,
        depth,
        filters,
        band,
        activation,
        pool,
        general,
        ..
    } = conv;
    let unit = unit_value(unit);
    let (input, output) = (pixels(input), pixels(output));
    let [rest, residual] = [rest, residual].map(|map| {
        map.as_ref().map_or(quote!(None), |map| {
            let map = pixels(map);
            quote!(Some(#map))
        })
    });
    let [kernel, strides, dilations, pads] = [kernel, strides, dilations, pads].map(|list| words(list));
    let [group, depth, filters] = [group, depth, filters].map(|&value| word(value));
    let band = words(band);
    let activation = activation_value(*activation);
    let pool = pool.map_or(quote!(None), |kind| {
        let kind = pool_kind(kind);
        quote!(Some(#kind))
    });
    quote! {
        Kernel {
            input: #input,
            rest: #rest,
            output: #output,
            residual: #residual,
            kernel: #kernel,
            strides: #strides,
            dilations: #dilations,
            pads: #pads,
            group: #group,
            depth: #depth,
            filters: #filters,
            band: #band,
            activation: #activation,
            pool: #pool,
            general: #general,
            arithmetic: #unit,
        }
    }
}

fn depthwise(conv: &DepthwiseConv2d<Plain>, unit: Unit) -> TokenStream {
    let DepthwiseConv2d { input, output, kernel, strides, dilations, pads, activation, .. } = conv;
    let unit = unit_value(unit);
    let (input, output) = (pixels(input), pixels(output));
    let [kernel, strides, dilations, pads] = [kernel, strides, dilations, pads].map(|list| words(list));
    let activation = activation_value(*activation);
    quote! {
        Kernel {
            input: #input,
            output: #output,
            kernel: #kernel,
            strides: #strides,
            dilations: #dilations,
            pads: #pads,
            activation: #activation,
            arithmetic: #unit,
        }
    }
}

/// The runtime's type of the unit.
fn unit_type(unit: Unit) -> TokenStream {
    match unit {
        Unit::Plain => quote!(peleec_runtime::Plain),
        Unit::Fused => quote!(peleec_runtime::Fused),
        Unit::Mve => quote!(peleec_runtime::Mve),
        Unit::VfpPlain => quote!(peleec_runtime::Vfp<peleec_runtime::Plain>),
        Unit::VfpFused => quote!(peleec_runtime::Vfp<peleec_runtime::Fused>),
    }
}

/// The only value of that type.
fn unit_value(unit: Unit) -> TokenStream {
    match unit {
        Unit::Plain | Unit::Fused | Unit::Mve => unit_type(unit),
        Unit::VfpPlain => quote!(peleec_runtime::Vfp(peleec_runtime::Plain)),
        Unit::VfpFused => quote!(peleec_runtime::Vfp(peleec_runtime::Fused)),
    }
}

fn pool2d(pool: &Pool2d) -> TokenStream {
    let Pool2d { input, output, kind, kernel, strides, dilations, pads } = pool;
    let (input, output) = (pixels(input), pixels(output));
    let kind = pool_kind(*kind);
    let [kernel, strides, dilations] = [kernel, strides, dilations].map(|list| words(list));
    let pads = words(pads);
    quote! {
        Kernel {
            input: #input,
            output: #output,
            kind: #kind,
            kernel: #kernel,
            strides: #strides,
            dilations: #dilations,
            pads: #pads,
        }
    }
}

fn pool_kind(kind: PoolKind) -> TokenStream {
    match kind {
        PoolKind::Max => quote!(peleec_runtime::PoolKind::Max),
        PoolKind::AverageInside => quote!(peleec_runtime::PoolKind::AverageInside),
        PoolKind::AveragePadded => quote!(peleec_runtime::PoolKind::AveragePadded),
    }
}

fn pixels(map: &Pixels) -> TokenStream {
    let Pixels { height, width, channels, row, pixel, channel, ring } = *map;
    let [height, width, channels, row, pixel, channel, ring] = [height, width, channels, row, pixel, channel, ring].map(word);
    quote! {
        peleec_runtime::Pixels {
            height: #height, width: #width, channels: #channels, row: #row, pixel: #pixel, channel: #channel, ring: #ring
        }
    }
}

fn activation_value(activation: Activation) -> TokenStream {
    match activation {
        Activation::Identity => quote!(peleec_runtime::Activation::Identity),
        Activation::Relu => quote!(peleec_runtime::Activation::Relu),
        Activation::LeakyRelu(slope) => {
            let slope = float(slope);
            quote!(peleec_runtime::Activation::LeakyRelu(#slope))
        }
        Activation::Clip(low, high) => {
            let (low, high) = (float(low), float(high));
            quote!(peleec_runtime::Activation::Clip(#low, #high))
        }
        Activation::Sigmoid => quote!(peleec_runtime::Activation::Sigmoid),
    }
}

/// A float as an expression of the same bits.
fn float(value: f32) -> TokenStream {
    if value.is_finite() && value.is_sign_positive() {
        let literal = Literal::f32_unsuffixed(value);
        return quote!(#literal);
    }
    if value.is_finite() {
        let literal = Literal::f32_unsuffixed(-value);
        return quote!(-#literal);
    }
    let bits = Literal::u32_unsuffixed(value.to_bits());
    quote!(f32::from_bits(#bits))
}

fn words(list: &[u32]) -> TokenStream {
    let list = list.iter().map(|&value| word(value));
    quote!([#(#list),*])
}

fn word(value: u32) -> Literal {
    Literal::u32_unsuffixed(value)
}

pub(super) fn int(value: usize) -> Literal {
    Literal::usize_unsuffixed(value)
}
