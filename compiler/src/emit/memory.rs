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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_there_have_types() {
        let types = |arena, pinned, lists| types(&ModelMemory { arena, pinned, lists }).to_string();
        let both = quote! {
            type Activations = peleec_runtime::Arena<128>;
            type Lists = peleec_runtime::Arena<64>;
        };
        assert_eq!(types(100, 0, 1), both.to_string());
        // What is cut off an arena leaves one, be it empty.
        let cut = quote! {
            type Activations = peleec_runtime::Arena<0>;
            type Lists = peleec_runtime::Arena<64>;
        };
        assert_eq!(types(0, 0, 1), cut.to_string());
        assert_eq!(types(0, 0, 0), "");
    }

    #[test]
    fn parts_that_are_not_used_have_no_names() {
        let cut = |pinned, lists, [uses_arena, uses_pinned, uses_lists]: [bool; 3]| {
            let uses = Uses { arena: uses_arena, pinned: uses_pinned, lists: uses_lists };
            cut(&ModelMemory { arena: 64, pinned, lists }, &quote!(self), uses).to_string()
        };
        assert_eq!(cut(8, 16, [false; 3]), "");
        assert_eq!(cut(0, 0, [true, false, false]), quote!(let arena = self.memory.as_mut();).to_string());
        let pinned = quote!(let (arena, _): (&mut Activations, &mut Copies) = self.memory.as_mut().split(););
        assert_eq!(cut(8, 0, [true, false, false]), pinned.to_string());
        let lists = quote!(let (_, lists): (&mut Activations, &mut Lists) = self.memory.as_mut().split(););
        assert_eq!(cut(0, 8, [false, false, true]), lists.to_string());
        let all = quote! {
            let (arena, rest): (&mut Activations, &mut peleec_runtime::Arena<128>) = self.memory.as_mut().split();
            let (pinned, lists): (&mut Copies, &mut Lists) = rest.split();
        };
        assert_eq!(cut(8, 16, [true; 3]), all.to_string());
    }
}
