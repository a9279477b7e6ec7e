//! How a module cuts a model's memory into the parts that its layers take.

use proc_macro2::TokenStream;
use quote::quote;

use super::int;
use super::layer::Parts;
use crate::model_memory::ModelMemory;

/// The types of the parts.
pub(super) fn types(memory: &ModelMemory) -> TokenStream {
    let names = [quote!(Activations), quote!(Copies), quote!(Lists)];
    let [arena, pinned, lists] = memory.parts();
    let are_there = [memory.bytes() > 0, pinned > 0, lists > 0];
    let types = names.into_iter().zip([arena, pinned, lists]).zip(are_there).filter(|&(_, is_there)| is_there).map(|((name, bytes), _)| {
        let bytes = int(bytes);
        quote!(type #name = peleec_runtime::Arena<#bytes>;)
    });
    types.collect()
}

/// The statement that cuts a model's memory: `arena`, `pinned` and `lists`, as far as they are asked for.
pub(crate) fn cut(memory: &ModelMemory, model: &TokenStream, asked: Parts) -> TokenStream {
    let arena = if asked.arena { quote!(arena) } else { quote!(_) };
    match (memory.pinned > 0, memory.lists > 0) {
        (false, false) if asked.arena => quote!(let arena = #model.memory.as_mut();),
        (false, false) => TokenStream::new(),
        (true, false) => quote!(let (#arena, pinned): (&mut Activations, &mut Copies) = #model.memory.as_mut().split();),
        (false, true) => quote!(let (#arena, lists): (&mut Activations, &mut Lists) = #model.memory.as_mut().split();),
        (true, true) => {
            let [_, pinned, lists] = memory.parts();
            let rest = int(pinned + lists);
            quote! {
                let (#arena, rest): (&mut Activations, &mut peleec_runtime::Arena<#rest>) = #model.memory.as_mut().split();
                let (pinned, lists): (&mut Copies, &mut Lists) = rest.split();
            }
        }
    }
}
