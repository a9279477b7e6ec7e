//! The part of a module that makes detections of its outputs.

use peleec_runtime::Detector;
use proc_macro2::TokenStream;
use quote::quote;

use super::module::Output;
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
