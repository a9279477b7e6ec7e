//! The part of a module that says what bytes at its border stand for.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::float;
use super::source::ModuleSource;
use crate::names::Names;
use crate::ops::ByteScale;

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
    named(source).into_iter().flatten().flatten().map(declared).collect()
}

fn declared(Named { scale, zero_point, value }: Named) -> TokenStream {
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
}

/// The values of an output as a detector reads them.
pub(super) fn values(named: Option<&Named>, array: &TokenStream) -> TokenStream {
    match named {
        None => array.clone(),
        Some(Named { scale, zero_point, .. }) => quote!(peleec_runtime::Dequantized { bytes: #array, scale: #scale, zero: #zero_point }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(scale: f32, zero_point: i32) -> ByteScale {
        ByteScale { scale, zero_point }
    }

    /// What a number in a module is, as Rust reads it.
    fn number(value: &syn::Expr) -> f64 {
        match value {
            syn::Expr::Unary(syn::ExprUnary { expr, .. }) => -number(expr),
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(lit), .. }) => lit.base10_parse().unwrap(),
            // As `f32` reads it, not as `f64` does.
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Float(lit), .. }) => f64::from(lit.base10_parse::<f32>().unwrap()),
            other => panic!("{}", quote!(#other)),
        }
    }

    #[test]
    fn constants_are_read_back_as_they_were() {
        for ByteScale { scale, zero_point } in
            [value(0.5, 0), value(1.0 / 255.0, -128), value(f32::MIN_POSITIVE, 255), value(1e-45, i32::MIN), value(f32::MAX, i32::MAX)]
        {
            let named =
                Named { scale: format_ident!("X_SCALE"), zero_point: format_ident!("X_ZERO_POINT"), value: value(scale, zero_point) };
            let items = syn::parse2::<syn::File>(declared(named)).unwrap().items;
            let [syn::Item::Const(step), syn::Item::Const(zero)] = &items[..] else { panic!("two constants") };
            assert_eq!((step.ident.to_string(), zero.ident.to_string()), ("X_SCALE".to_owned(), "X_ZERO_POINT".to_owned()));
            assert_eq!((number(&step.expr) as f32).to_bits(), scale.to_bits());
            assert_eq!(number(&zero.expr), f64::from(zero_point));
        }
    }
}
