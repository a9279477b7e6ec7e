//! The part of a module that makes the input's rows of a camera's frames.

use peleec_runtime::{FrameLayout, Preparation};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::border::Named;
use super::layer::element_type;
use super::{float, int};
use crate::description::{Camera, FrameSettings};
use crate::tensor::DType;

/// How a picture becomes the input.
pub(super) fn preparation(settings: &FrameSettings) -> TokenStream {
    let Preparation { size, order, mean, scale, fit, resize } = settings.preparation();
    let (order, fit, resize) = (variant(&order), variant(&fit), variant(&resize));
    let ([width, height], mean, scale) = (size.map(int), mean.map(float), scale.map(float));
    quote! {
        #[doc = " How a picture becomes the network's input."]
        #[allow(dead_code, unreachable_pub, clippy::unreadable_literal, reason = "for the firmware to use; numbers that nobody wrote")]
        #[rustfmt::skip]
        pub const PREPARATION: peleec_runtime::Preparation = peleec_runtime::Preparation {
            size: [#width, #height],
            order: peleec_runtime::ColourOrder::#order,
            mean: [#(#mean),*],
            scale: [#(#scale),*],
            fit: peleec_runtime::Fit::#fit,
            resize: peleec_runtime::Resize::#resize,
        };
    }
}

/// The layout of the camera's frames.
pub(super) fn layout(camera: &Camera) -> TokenStream {
    let FrameLayout { format, width, height } = camera.layout;
    let (format, [width, height, bytes]) = (variant(&format), [width, height, camera.bytes].map(int));
    quote! {
        #[doc = " The frames that a [`Model`] takes."]
        #[allow(unreachable_pub, reason = "for the firmware to use")]
        #[rustfmt::skip]
        pub const FRAME: peleec_runtime::FrameLayout = peleec_runtime::FrameLayout {
            format: peleec_runtime::PixelFormat::#format,
            width: #width,
            height: #height,
        };
        #[doc = " Bytes of a frame."]
        #[allow(unreachable_pub, reason = "for the firmware to use")]
        pub const FRAME_BYTES: usize = #bytes;
        #[rustfmt::skip]
        const _: () = assert!(matches!(FRAME.bytes(), Some(FRAME_BYTES)), "a frame has other bytes");
    }
}

/// What gives row `y` of an input of such elements: what it needs, and the call. What bytes stand for is what `named` says, or else they are the
/// values themselves, rounded.
pub(super) fn row(camera: &Camera, dtype: DType, named: Option<&Named>) -> [TokenStream; 2] {
    if dtype == DType::F32 {
        return [TokenStream::new(), quote!(PREPARATION.row(&frame, y, row))];
    }
    let (scale, zero) = match named {
        Some(Named { scale, zero_point, .. }) => (quote!(#scale), quote!(#zero_point)),
        None => (quote!(1.0), quote!(0)),
    };
    // Where nothing is resized, a byte of the input is a function of one of the frame.
    if camera.size() != camera.settings.size {
        return [TokenStream::new(), quote!(PREPARATION.quantized_row(#scale, #zero, &frame, y, row))];
    }
    let (element, channels) = (element_type(dtype), int(camera.settings.channels()));
    let table = quote!(static BYTES: peleec_runtime::PixelBytes<#element, #channels> = PREPARATION.pixel_bytes(#scale, #zero););
    [table, quote!(BYTES.row(&frame, y, row))]
}

/// The name of an enumeration's value.
fn variant(value: &impl std::fmt::Debug) -> Ident {
    format_ident!("{value:?}")
}

/// `run` and `run_with`, or their like for outputs of the caller's, over the run that takes rows, which [`row`] gives.
pub(super) fn run(
    [run, run_with, rows]: [&str; 3],
    [table, row]: &[TokenStream; 2],
    outputs: &[TokenStream],
    passed: &[&Ident],
    returned: &TokenStream,
) -> TokenStream {
    let [run, run_with, rows] = [run, run_with, rows].map(|name| format_ident!("{name}"));
    let end = returned.is_empty().then(|| quote!(;));
    let doc = format!(" As [`{run}`](Self::{run}), on the executor's cores: the same bits.");
    quote! {
        #[doc = " Runs once over a frame of [`FRAME`]'s layout."]
        #[allow(dead_code, reason = "for the firmware to use")]
        pub fn #run(&mut self, frame: &[u8; FRAME_BYTES], #(#outputs),*) #returned {
            self.#run_with(&peleec_runtime::OneCore, frame, #(#passed),*) #end
        }

        #[doc = #doc]
        #[allow(dead_code, reason = "for the firmware to use")]
        pub fn #run_with(&mut self, executor: &impl peleec_runtime::Executor, frame: &[u8; FRAME_BYTES], #(#outputs),*) #returned {
            #table
            let frame = peleec_runtime::Frame::new(FRAME, frame);
            self.#rows(executor, &mut |y, row| #row, #(#passed),*) #end
        }
    }
}

#[cfg(test)]
mod tests {
    use peleec_runtime::{ColourOrder, Fit, PixelFormat, Resize};

    use super::*;

    /// Of a camera whose frames have such a size, for an input of 6x4 pixels.
    fn rows(width: usize, height: usize, dtype: DType) -> [String; 2] {
        let layout = FrameLayout { format: PixelFormat::Rgb888, width, height };
        let (order, fit, resize) = (ColourOrder::Rgb, Fit::Warp, Resize::Nearest);
        let settings = FrameSettings { size: [6, 4], order, mean: [0.0; 3], scale: [1.0; 3], fit, resize };
        let camera = Camera { layout, bytes: 3 * width * height, settings };
        row(&camera, dtype, None).map(|tokens| tokens.to_string())
    }

    /// A table serves where a byte of the input is made of one of the frame.
    #[test]
    fn bytes_come_of_a_table_where_nothing_is_resized() {
        let table = quote!(
            static BYTES: peleec_runtime::PixelBytes<u8, 3> = PREPARATION.pixel_bytes(1.0, 0);
        );
        assert_eq!(rows(6, 4, DType::U8), [table.to_string(), quote!(BYTES.row(&frame, y, row)).to_string()]);
        let resized = quote!(PREPARATION.quantized_row(1.0, 0, &frame, y, row)).to_string();
        // As many pixels in another shape are resized, too.
        for (width, height) in [(4, 6), (6, 5), (7, 4), (12, 8)] {
            assert_eq!(rows(width, height, DType::U8), [String::new(), resized.clone()], "{width}x{height}");
        }
        let floats = quote!(PREPARATION.row(&frame, y, row)).to_string();
        assert_eq!([rows(6, 4, DType::F32), rows(9, 9, DType::F32)], [[String::new(), floats.clone()], [String::new(), floats]]);
    }
}
