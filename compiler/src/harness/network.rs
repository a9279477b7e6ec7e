//! The part of a program that knows its network: the generated module, the memory of its caller, and how it is run.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::error::HarnessError;
use super::machine::{Machine, Seat};
use crate::emit::layer::{element_type, region_type};
use crate::emit::memory::cut;
use crate::emit::run::{Call, methods};
use crate::report::{InputReport, OutputReport};
use crate::{Compilation, DType, File, Report, TensorType};

/// What the names of the functions begin with that call one layer, or the whole network.
pub(crate) const REGION: &str = "peleec_region_";
/// The function that calls all of these.
pub(crate) const CALLER: &str = "peleec_call_regions";

/// A network that is run once.
pub(crate) fn once(report: &Report, machine: &Machine) -> Vec<File> {
    let body = "    peleec_runtime::Model::run_slices(model, inputs, outputs).map_err(|_| 3)\n";
    let module = format!("#[path = \"generated/{}.rs\"]\nmod module;\n", report.name);
    vec![File::text("src/network.rs", network(report, machine, &module, body))]
}

/// A network that is run whole and layer by layer, with what measures that.
pub(crate) fn layer_by_layer(compilation: &Compilation, machine: &Machine) -> Result<Vec<File>, HarnessError> {
    let report = compilation.report();
    let arguments: String = (0..report.inputs.len()).map(|index| format!("inputs[{index}].array().ok_or(3)?, ")).collect();
    let body = format!(
        "    measure::measure(model, &({arguments}))?;\n    \
         for (to, from) in outputs.iter_mut().zip(model.outputs()) {{\n        \
         for (to, from) in to.as_bytes_mut().iter_mut().zip(from.as_bytes()) {{\n            *to = *from;\n        }}\n    }}\n    Ok(())\n"
    );
    let module = module(&report, &methods(&compilation.layers, &compilation.plan.groups).calls)
        .map_err(|error| HarnessError::Build(error.to_string()))?;
    let mut files = vec![File::text("src/network/module.rs", module)];
    let modules = match machine.seat {
        Seat::Host => {
            files.push(File::text("src/network/measure.rs", include_str!("image/time.rs")));
            files.push(File::text("src/network/roof.rs", include_str!("image/roof.rs")));
            "mod measure;\nmod module;\nmod roof;\n"
        }
        Seat::QemuUser(_) | Seat::Board(_) => {
            files.push(File::text("src/network/measure.rs", include_str!("image/count.rs")));
            "mod measure;\nmod module;\n"
        }
    };
    files.push(File::text("src/network.rs", network(&report, machine, modules, &body)));
    Ok(files)
}

/// The generated module, with a function for each of its layers: they are its own, so what calls them must stand beside them.
fn module(report: &Report, calls: &[Call]) -> Result<String, syn::Error> {
    let file = format!("../generated/{}.rs", report.name);
    let types: Vec<_> = report.inputs.iter().map(InputReport::ty).collect();
    let elements = types.iter().map(|ty| element_type(ty.dtype));
    let lengths = types.iter().map(|ty| Literal::usize_unsuffixed(ty.shape.elements()));
    let all: Vec<usize> = (0..report.inputs.len()).collect();
    let inputs = numbers(&all);
    let run = region("run", &all, &quote!(model.run(#inputs);));
    let each = calls.iter().enumerate().map(|(index, call)| {
        let (memory, parts, function) =
            (cut(&report.memory(), &quote!(model), call.uses), call.uses.passed(), format_ident!("{}", call.method));
        let executor = call.takes_executor.then(|| quote!(&peleec_runtime::OneCore,));
        let inputs = numbers(&call.inputs);
        region(&index.to_string(), &call.inputs, &quote!(#memory Model::#function(#parts #executor #inputs);))
    });
    let count = Literal::usize_unsuffixed(calls.len());
    let names = (0..calls.len()).map(|index| format_ident!("{REGION}{index}"));
    let run_name = format_ident!("{REGION}run");
    let (outputs, n_outputs) = (outputs(report), Literal::usize_unsuffixed(report.outputs.len()));
    let tokens = quote! {
        #![doc = " The generated module, and functions that call its layers one by one."]

        include!(#file);

        #[doc = " The arguments of `run`."]
        pub(crate) type Inputs<'a> = (#(&'a [#elements; #lengths],)*);

        #[doc = " Runs the network."]
        pub(crate) const RUN: fn(&mut Model, &Inputs<'_>) = #run_name;

        #[doc = " Each runs a layer, in the order of the network."]
        pub(crate) static LAYERS: [fn(&mut Model, &Inputs<'_>); #count] = [#(#names),*];

        #run
        #(#each)*

        impl Model {
            #[doc = " Makes every float not-a-number."]
            pub(crate) fn poison(&mut self) {
                self.memory.fill(0xff);
            }

            #[doc = " What lies where the outputs are."]
            pub(crate) fn outputs(&self) -> [peleec_runtime::Values<'_>; #n_outputs] {
                [#(#outputs),*]
            }
        }
    };
    Ok(prettyplease::unparse(&syn::parse2(tokens)?))
}

/// The inputs of these numbers, as arguments.
fn numbers(inputs: &[usize]) -> TokenStream {
    let numbers = inputs.iter().map(|&index| Literal::usize_unsuffixed(index));
    quote!(#(inputs.#numbers),*)
}

/// A function of its own, whatever the optimiser makes of it, that calls a function of the model.
fn region(name: &str, inputs: &[usize], body: &TokenStream) -> TokenStream {
    let name = format_ident!("{REGION}{name}");
    let pattern = if inputs.is_empty() { quote!(_) } else { quote!(inputs) };
    quote! {
        #[inline(never)]
        #[unsafe(no_mangle)]
        fn #name(model: &mut Model, #pattern: &Inputs<'_>) {
            #body
        }
    }
}

/// The parts of the arena that are the outputs.
fn outputs(report: &Report) -> Vec<TokenStream> {
    let places = report.outputs.iter().map(|output| {
        let place = region_type(output.element, output.offset, output.ty().shape.elements());
        quote!(self.memory.read(<#place>::new()).into())
    });
    places.collect()
}

/// The statics that the program runs the network on, and `run` with the given body.
fn network(report: &Report, machine: &Machine, modules: &str, body: &str) -> String {
    let inputs: Vec<_> = report.inputs.iter().map(InputReport::ty).collect();
    let outputs: Vec<_> = report.outputs.iter().map(OutputReport::ty).collect();
    let inputs_in_flash = matches!(machine.seat, Seat::Board(board) if board.large.is_none());
    format!(
        "//! The network, and the memory of its caller.\n\n\
         {modules}\n\
         use core::ffi::CStr;\n\n\
         use peleec_runtime::{{Values, ValuesMut}};\n\n\
         pub(crate) use module::Model;\n\n\
         #[unsafe(no_mangle)]\nstatic mut PELEEC_MODEL: Model = Model::new();\n\n\
         /// The model with every byte of its memory 0xff: not-a-number wherever it reads what it has not written.\n///\n\
         /// # Safety\n/// Called once, by the only thread.\n\
         pub(crate) unsafe fn poisoned_model() -> &'static mut Model {{\n    \
         let model = &raw mut PELEEC_MODEL;\n    \
         // SAFETY: a model is an array of bytes.\n    \
         unsafe {{\n        model.cast::<u8>().write_bytes(0xff, size_of::<Model>());\n        &mut *model\n    }}\n}}\n\n\
         /// Computes the outputs, or gives the program's exit status.\n\
         pub(crate) fn run(model: &mut Model, inputs: &[Values<'_>; {i}], outputs: &mut [ValuesMut<'_>; {o}]) -> Result<(), u8> {{\n{body}}}\n\n\
         {}\n{}",
        buffers("input", &inputs, inputs_in_flash.then_some(".inputs")),
        buffers("output", &outputs, None),
        i = inputs.len(),
        o = outputs.len(),
    )
}

fn buffers(kind: &str, types: &[TensorType], section: Option<&str>) -> String {
    let upper = kind.to_uppercase();
    let each = |form: &dyn Fn(usize, &TensorType) -> String| types.iter().enumerate().map(|(i, ty)| form(i, ty)).collect::<Vec<_>>();
    let section = section.map_or(String::new(), |section| format!("#[unsafe(link_section = \"{section}\")]\n"));
    let array = |i: usize, ty: &TensorType| {
        let (element, len, zero) = (ty.dtype.element(), ty.shape.elements(), if ty.dtype == DType::F32 { "0.0" } else { "0" });
        format!("{section}static mut {upper}_{i}: [{element}; {len}] = [{zero}; {len}];\n")
    };
    let statics = each(&array).concat();
    let names = each(&|i, _| format!("c\"{kind}_{i}.bin\"")).join(", ");
    let slices = each(&|i, _| format!("(&mut *(&raw mut {upper}_{i})).into()")).join(", ");
    let count = types.len();
    format!(
        "{statics}pub(crate) const {upper}_FILES: [&CStr; {count}] = [{names}];\n\n\
         /// # Safety\n/// Called once, by the only thread.\n\
         pub(crate) unsafe fn {kind}s() -> [ValuesMut<'static>; {count}] {{\n    \
         // SAFETY: the caller has no other reference.\n    unsafe {{ [{slices}] }}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use syn::{Expr, ItemStatic, Type};

    use super::super::machine::{BARE_AARCH64, NETDUINO_PLUS_2, machine};
    use super::*;
    use crate::onnx::write::ModelWriter;
    use crate::{ModelFile, Options, RamBudget, Target, compile};

    /// A network with inputs and outputs of some types, and three layers.
    fn compiled(options: &Options) -> Compilation {
        let map = TensorType::f32([1, 2, 6, 5]);
        let mut model = ModelWriter::new("g", 17);
        model.input("x", &map).input("flags", &TensorType::new(DType::Bool, [3])).input("one", &TensorType::new(DType::I64, []));
        for (name, x, y) in [("a", "x", "u"), ("b", "u", "v"), ("c", "v", "y")] {
            let weights = crate::Tensor::f32([2, 2, 3, 3], vec![0.5; 36]).unwrap();
            let pads = [("pads", crate::node::Attribute::Ints(vec![1; 4]))];
            model.initializer(&format!("w.{name}"), &weights).node("Conv", name, &[x, &format!("w.{name}")], &[y], &pads);
        }
        for (name, x) in [("y", None), ("not", Some("flags")), ("more", Some("one"))] {
            let ty = TensorType::new(DType::I64, []);
            match (name, x) {
                ("not", Some(x)) => _ = model.node("Not", name, &[x], &[name], &[]).output(name, &TensorType::new(DType::Bool, [3])),
                (name, Some(x)) => _ = model.node("Add", name, &[x, x], &[name], &[]).output(name, &ty),
                (name, None) => _ = model.output(name, &map),
            }
        }
        compile(&ModelFile::from_bytes("net", model.finish()), options).unwrap()
    }

    fn board(seat: Seat) -> Machine {
        Machine { seat, ..BARE_AARCH64 }
    }

    /// Name, element and length of each static that is an array, and whether it has a section of its own.
    fn statics(text: &str) -> Vec<(String, String, usize, bool)> {
        let items = syn::parse_file(text).unwrap().items;
        let array = |item: syn::Item| {
            let syn::Item::Static(ItemStatic { ident, ty, attrs, .. }) = item else { return None };
            let Type::Array(array) = *ty else { return None };
            let Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(len), .. }) = &array.len else { return None };
            let element = &array.elem;
            Some((ident.to_string(), quote!(#element).to_string(), len.base10_parse().ok()?, !attrs.is_empty()))
        };
        items.into_iter().filter_map(array).collect()
    }

    #[test]
    fn the_caller_has_memory_of_every_type() {
        let report = compiled(&Options::default()).report();
        for (machine, is_apart) in [
            (machine(Target::Generic).unwrap(), false),
            (machine(Target::CortexM7).unwrap(), false),
            // Of a board without a large memory inputs lie in flash.
            (board(Seat::Board(NETDUINO_PLUS_2)), true),
        ] {
            let files = once(&report, &machine);
            assert_eq!((files.len(), files[0].name.as_str()), (1, "src/network.rs"));
            let text = String::from_utf8(files[0].bytes.clone()).unwrap();
            let inputs = [("INPUT_0", "f32", 60), ("INPUT_1", "u8", 3), ("INPUT_2", "i64", 1)].map(|input| (input, is_apart));
            let outputs = [("OUTPUT_0", "f32", 60), ("OUTPUT_1", "u8", 3), ("OUTPUT_2", "i64", 1)].map(|output| (output, false));
            let wanted: Vec<_> = inputs.into_iter().chain(outputs).collect();
            let wanted: Vec<_> =
                wanted.into_iter().map(|((name, element, len), apart)| (name.to_owned(), element.to_owned(), len, apart)).collect();
            assert_eq!(statics(&text), wanted);
            assert!(
                text.contains("#[path = \"generated/net.rs\"]") && text.contains("[c\"input_0.bin\", c\"input_1.bin\", c\"input_2.bin\"]")
            );
        }
    }

    /// A function a call of `run`: layers that run whole, and groups that run row by row.
    #[test]
    fn every_call_has_a_function_of_its_own() {
        for ram_budget in [RamBudget::Thrifty, RamBudget::Least] {
            let compilation = compiled(&Options { ram_budget, ..Options::default() });
            let calls = compilation.report().calls().len();
            for seat in [Seat::Host, Seat::QemuUser("qemu"), Seat::Board(NETDUINO_PLUS_2)] {
                let files = layer_by_layer(&compilation, &board(seat)).unwrap();
                let text = |name: &str| {
                    let file = files.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("{name}"));
                    String::from_utf8(file.bytes.clone()).unwrap()
                };
                assert!(syn::parse_file(&text("src/network.rs")).is_ok());
                let module = text("src/network/module.rs");
                let regions = module.matches(&format!("fn {REGION}")).count();
                assert_eq!(regions, calls + 1, "{module}");
                assert!(module.contains(&format!("[fn(&mut Model, &Inputs<'_>); {calls}]")), "{module}");
                let is_timed = files.iter().any(|file| file.name == "src/network/roof.rs");
                assert_eq!((is_timed, text("src/network.rs").contains("mod roof;")), (seat == Seat::Host, seat == Seat::Host));
            }
        }
    }
}
