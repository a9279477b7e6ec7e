//! Layers and a plan to the files of the generated module.
//!
//! Invariant: decides nothing; it prints what `steps` and `plan` have decided.

mod border;
mod detector;
mod frame;
mod functions;
pub(crate) mod head;
pub(crate) mod layer;
pub(crate) mod memory;
mod module;
pub(crate) mod run;
mod source;
#[cfg(test)]
mod tests;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

pub(crate) use module::module;
pub(crate) use source::{ModuleSource, Output};

/// Items as text.
fn formatted(items: TokenStream) -> Result<String, syn::Error> {
    Ok(prettyplease::unparse(&syn::parse2(items)?))
}

/// A number without its type, as people write it: in groups of three digits where it has more than five.
fn int(value: usize) -> Literal {
    long(value as u64)
}

fn long(value: u64) -> Literal {
    let digits = value.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    let grouped = groups.collect::<Vec<_>>().join("_");
    let plain = Literal::u64_unsuffixed(value);
    if digits.len() > 5 { grouped.parse().unwrap_or(plain) } else { plain }
}

/// A number that is finite, in as few digits as tell it from its neighbours.
fn float(value: f32) -> TokenStream {
    let literal = Literal::f32_unsuffixed(value.abs());
    if value.is_sign_negative() { quote!(-#literal) } else { quote!(#literal) }
}
