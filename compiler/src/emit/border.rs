//! The part of a module that says what bytes at its border stand for.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::float;
use super::module::ModuleSource;
use super::names::Names;
use crate::quantization::ByteScale;

/// What the bytes of an input or output stand for, and the constants that say so.
pub(super) struct Named {
    pub(super) scale: Ident,
    pub(super) zero_point: Ident,
    value: ByteScale,
}

/// Those of the inputs, and those of the outputs.
pub(super) fn named(source: &ModuleSource<'_>) -> [Vec<Option<Named>>; 2] {
    let mut names = Names::default();
    let mut of = |name: &str, value: Option<ByteScale>| {
        let name = names.unique(name).to_uppercase();
        value.map(|value| Named { scale: format_ident!("{name}_SCALE"), zero_point: format_ident!("{name}_ZERO_POINT"), value })
    };
    let scale_of = |index: usize| source.input_scales.get(index).copied().flatten();
    let inputs = source.inputs.iter().enumerate().map(|(index, (name, _))| of(name, scale_of(index))).collect();
    [inputs, source.outputs.iter().map(|output| of(&output.name, output.scale)).collect()]
}

/// The constants.
pub(super) fn constants(source: &ModuleSource<'_>) -> TokenStream {
    let constants = named(source).into_iter().flatten().flatten().map(|Named { scale, zero_point, value }| {
        let (step, zero) = (float(value.scale), Literal::i32_unsuffixed(value.zero_point));
        let doc = format!(" What one step of a byte stands for: the value is `{scale} * (byte - {zero_point})`.");
        quote! {
            #[doc = #doc]
            #[allow(dead_code, unreachable_pub, clippy::unreadable_literal, reason = "for the firmware to use")]
            pub const #scale: f32 = #step;
            #[doc = " The byte that stands for zero."]
            #[allow(dead_code, unreachable_pub, reason = "for the firmware to use")]
            pub const #zero_point: i32 = #zero;
        }
    });
    constants.collect()
}

/// The values of an output as a detector reads them.
pub(super) fn values(named: Option<&Named>, array: &TokenStream) -> TokenStream {
    match named {
        None => array.clone(),
        Some(Named { scale, zero_point, .. }) => quote!(peleec_runtime::Dequantized { bytes: #array, scale: #scale, zero: #zero_point }),
    }
}
