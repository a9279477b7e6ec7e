//! The part of a module that makes detections of its outputs.

use peleec_runtime::Detector;
use proc_macro2::TokenStream;
use quote::quote;

use super::source::Output;
use super::{float, int};
use crate::description::{Attached, ScoreActivation};

/// The detector and the names of its classes.
pub(super) fn constants(attached: &Attached, outputs: &[Output]) -> TokenStream {
    let settings = &attached.settings;
    let numbers = |values: &[f32]| {
        let values = values.iter().map(|&value| float(value));
        quote!(&[#(#values),*])
    };
    let grids = attached.grids.iter().map(|grid| {
        let (rows, columns) = (numbers(&grid.rows), numbers(&grid.columns));
        let shapes = grid.shapes.iter().map(|shape| shape.map(float)).map(|[width, height]| quote!([#width, #height]));
        quote!(peleec_runtime::Grid { rows: #rows, columns: #columns, shapes: &[#(#shapes),*] })
    });
    let classes = int(attached.classes);
    let background = match settings.background.map(int) {
        Some(class) => quote!(Some(#class)),
        None => quote!(None),
    };
    let Detector { variances, threshold, iou, frame, scale, shift, .. } = attached.detector(&[]);
    let ([threshold, iou], variances) = ([threshold, iou].map(float), variances.map(float));
    let [frame, scale, shift] = [frame, scale, shift].map(|numbers| numbers.map(float));
    let [loc, scores] = [attached.loc, attached.scores].map(|index| int(outputs[index].ty.shape.elements()));
    let (labels, count) = (&attached.labels, int(attached.labels.len()));
    let labels = (!labels.is_empty()).then(|| {
        quote! {
            #[doc = " Names of the classes."]
            #[allow(dead_code, unreachable_pub, reason = "for the firmware to use")]
            #[rustfmt::skip]
            pub const LABELS: [&str; #count] = [#(#labels),*];
        }
    });
    let labels = labels.into_iter();
    let (candidates, detections) = (int(settings.candidates), int(settings.detections));
    quote! {
        #(#labels)*
        #[doc = " Most candidates of a class."]
        #[allow(unreachable_pub, reason = "for the firmware to use")]
        pub const CANDIDATES: usize = #candidates;
        #[doc = " Most detections."]
        #[allow(unreachable_pub, reason = "for the firmware to use")]
        pub const DETECTIONS: usize = #detections;
        #[doc = " How the outputs become detections."]
        #[allow(unreachable_pub, clippy::unreadable_literal, reason = "for the firmware to use; numbers that nobody wrote")]
        #[rustfmt::skip]
        pub const DETECTOR: peleec_runtime::Detector<'static> = peleec_runtime::Detector {
            grids: &[#(#grids),*],
            classes: #classes,
            background: #background,
            variances: [#(#variances),*],
            threshold: #threshold,
            iou: #iou,
            frame: [#(#frame),*],
            scale: [#(#scale),*],
            shift: [#(#shift),*],
        };
        #[rustfmt::skip]
        const _: () = assert!(DETECTOR.fits(#loc, #scores), "the outputs are not those of the detector");
    }
}

/// The call, with what holds both outputs.
pub(super) fn call(attached: &Attached, loc: &TokenStream, scores: &TokenStream) -> TokenStream {
    let scores = match attached.settings.activation {
        ScoreActivation::Identity => scores.clone(),
        ScoreActivation::Softmax => quote!(peleec_runtime::SoftmaxOf(#scores)),
        ScoreActivation::Sigmoid => quote!(peleec_runtime::SigmoidOf(#scores)),
    };
    quote! {
        let lists: &mut peleec_runtime::DetectionLists<CANDIDATES, DETECTIONS> = lists.hold();
        DETECTOR.detect(#loc, #scores, &mut lists.candidates, &mut lists.detections);
    }
}

/// The type of the list.
pub(super) fn list() -> TokenStream {
    quote!(peleec_runtime::Detections<DETECTIONS>)
}

/// The field of the results, as a value.
pub(super) fn result() -> TokenStream {
    quote!(detections: &lists.detections)
}

/// The field of the results, as it is declared.
pub(super) fn output() -> TokenStream {
    let list = list();
    quote! {
        #[doc = " What was seen, the best first; boxes are in pixels of [`DETECTOR`]'s frame."]
        pub detections: &'m #list
    }
}

#[cfg(test)]
mod tests {
    use syn::{Expr, ExprLit, Lit};

    use super::*;
    use crate::description::{Centres, Description, attach_detector};
    use crate::tensor::TensorType;

    const TEXT: &str = r#"
        labels = ["none", "a \"cat\"\n\u202e\u0000図"]
        [frame]
        size = [64, 32]
        order = "rgb"
        mean = [0, 0, 0]
        scale = [1, 1, 1]
        fit = "letterbox"
        resize = "nearest"
        [detector]
        loc = "loc"
        scores = "conf"
        background = 0
        variances = [0.1, -0.1, 1e-45, 3.4028235e38]
        threshold = -0.0
        iou = 0.45
        candidates = 65536
        detections = 7
        [[detector.priors]]
        map = [2, 3]
        min_size = 7
        max_size = 33
        ratios = [0.3]
    "#;

    fn attached(text: &str) -> (Attached, Vec<Output>) {
        let types = [("conf", [1, 18, 2]), ("loc", [1, 18, 4])].map(|(name, shape)| (name.to_owned(), TensorType::f32(shape)));
        let attached = attach_detector(&Description::parse(text).unwrap(), &types, &[], Some([1000, 77])).unwrap();
        (attached, types.into_iter().map(|(name, ty)| Output { name, ty, scale: None, at: 0 }).collect())
    }

    /// The numbers of an expression in their order, as `f32` reads them; strings are left out.
    fn numbers(value: &Expr, all: &mut Vec<f32>) {
        match value {
            Expr::Lit(ExprLit { lit: Lit::Int(lit), .. }) => all.push(lit.base10_parse::<u64>().unwrap() as f32),
            Expr::Lit(ExprLit { lit: Lit::Float(lit), .. }) => all.push(lit.base10_parse().unwrap()),
            Expr::Unary(unary) => {
                numbers(&unary.expr, all);
                all.iter_mut().rev().take(1).for_each(|number| *number = -*number);
            }
            Expr::Array(array) => array.elems.iter().for_each(|element| numbers(element, all)),
            Expr::Reference(reference) => numbers(&reference.expr, all),
            Expr::Struct(value) => value.fields.iter().for_each(|field| numbers(&field.expr, all)),
            Expr::Call(call) => call.args.iter().for_each(|argument| numbers(argument, all)),
            Expr::Path(_) => {}
            other => panic!("{}", quote!(#other)),
        }
    }

    fn items(attached: &Attached, outputs: &[Output]) -> Vec<syn::Item> {
        syn::parse2::<syn::File>(constants(attached, outputs)).unwrap().items
    }

    #[test]
    fn the_detector_is_read_back_bit_for_bit() {
        let (attached, outputs) = attached(TEXT);
        let items = items(&attached, &outputs);
        let of = |name: &str| {
            let found = items.iter().find(|item| matches!(item, syn::Item::Const(item) if item.ident == name));
            let Some(syn::Item::Const(item)) = found else { panic!("{name}") };
            let mut all = Vec::new();
            numbers(&item.expr, &mut all);
            all
        };
        let Centres { rows, columns, shapes } = &attached.grids[0];
        let Detector { variances, threshold, iou, frame, scale, shift, .. } = attached.detector(&[]);
        let mut wanted = [rows, columns, &shapes.concat()].map(Vec::as_slice).concat();
        // Classes and the background.
        wanted.extend([2.0, 0.0]);
        wanted.extend(variances.iter().chain(&[threshold, iou]).chain(&frame).chain(&scale).chain(&shift));
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&of("DETECTOR")), bits(&wanted), "{:?} {wanted:?}", of("DETECTOR"));
        assert_eq!([of("CANDIDATES"), of("DETECTIONS")], [[65_536.0], [7.0]]);
        assert_eq!((frame, shift[1] != 0.0), ([1000.0, 77.0], true), "a frame of another shape than the input's");
    }

    /// No letter of a label is another one to who reads the module.
    #[test]
    fn labels_are_text_in_one_direction() {
        let (attached, outputs) = attached(TEXT);
        let text = crate::emit::formatted(constants(&attached, &outputs)).unwrap();
        assert!(text.chars().all(|c| c == '\n' || !crate::diagnostics::clean::is_hidden(c)), "{text}");
        let Some(syn::Item::Const(labels)) = items(&attached, &outputs).into_iter().next() else { panic!("{text}") };
        let Expr::Array(array) = *labels.expr else { panic!("{text}") };
        let read = array.elems.iter().map(|label| match label {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.value(),
            other => panic!("{}", quote!(#other)),
        });
        assert_eq!(read.collect::<Vec<_>>(), attached.labels);
    }

    #[test]
    fn what_is_not_described_is_not_written() {
        let (attached, outputs) = attached(&TEXT.replace("background = 0", "").replace("labels", "labels = []\n#"));
        let text = constants(&attached, &outputs).to_string();
        assert!(!text.contains("LABELS") && text.contains("background : None"), "{text}");
        for (activation, called) in [("none", "& scores"), ("softmax", "SoftmaxOf (& scores)"), ("sigmoid", "SigmoidOf (& scores)")] {
            let (attached, _) = self::attached(&TEXT.replace("background = 0", &format!("activation = \"{activation}\"")));
            let call = call(&attached, &quote!(&loc), &quote!(&scores)).to_string();
            assert!(call.contains("DETECTOR . detect (& loc , ") && call.contains(called), "{call}");
        }
    }
}
