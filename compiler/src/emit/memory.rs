//! How a module cuts a model's memory into the parts that its layers take.

use proc_macro2::TokenStream;
use quote::quote;

use super::int;
use super::layer::Uses;
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

/// The statement that cuts a model's memory: `arena`, `pinned` and `lists`, as far as they are used.
pub(crate) fn cut(memory: &ModelMemory, model: &TokenStream, uses: Uses) -> TokenStream {
    let name = |is_used: bool, name: TokenStream| if is_used { name } else { quote!(_) };
    let (arena, pinned, lists) = (name(uses.arena, quote!(arena)), name(uses.pinned, quote!(pinned)), name(uses.lists, quote!(lists)));
    if !(uses.arena || uses.pinned || uses.lists) {
        return TokenStream::new();
    }
    match (memory.pinned > 0, memory.lists > 0) {
        (false, false) => quote!(let #arena = #model.memory.as_mut();),
        (true, false) => quote!(let (#arena, #pinned): (&mut Activations, &mut Copies) = #model.memory.as_mut().split();),
        (false, true) => quote!(let (#arena, #lists): (&mut Activations, &mut Lists) = #model.memory.as_mut().split();),
        (true, true) => {
            let [_, n_pinned, n_lists] = memory.parts();
            let rest = int(n_pinned + n_lists);
            quote! {
                let (#arena, rest): (&mut Activations, &mut peleec_runtime::Arena<#rest>) = #model.memory.as_mut().split();
                let (#pinned, #lists): (&mut Copies, &mut Lists) = rest.split();
            }
        }
    }
}
