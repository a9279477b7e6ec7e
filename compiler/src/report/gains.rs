//! What each layer costs in bytes, as a picture: a bar for every layer, as long as what the results gain when it alone stays in floats.

use std::fmt::Write;

use serde::Serialize;

use super::svg::{escaped, shortened};

/// What a layer costs in bytes. What is infinite in decibels has no figure in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerGain {
    /// The node's name.
    pub node: String,
    /// The operators that it stands for.
    pub operator: String,
    /// What the results gain when it alone stays in floats, in decibels.
    pub gain_db: f64,
    /// Ratio of its own values' power to that of the differences, in decibels.
    pub sqnr_db: f64,
    /// Cosine of the angle between its own values in floats and in bytes.
    pub cosine: f64,
    /// Whether it was chosen to stay in floats.
    pub kept: bool,
}

const WIDTH: f64 = 960.0;
/// Where bars may begin and end: names stand left of it, figures right.
const BARS: [f64; 2] = [380.0, 890.0];
/// Height of a bar with its space.
const ROW: f64 = 18.0;
/// Where the first bar is.
const TOP: f64 = 76.0;
const COLOUR: &str = "#4e79a7";
const KEPT: &str = "#f28e2b";
/// The longest name, in letters.
const NAME: usize = 50;

/// The gains of layers in their order, as an SVG document.
pub fn layer_gains(network: &str, layers: &[LayerGain]) -> String {
    let (mut svg, height) = (String::new(), TOP + ROW * layers.len() as f64 + 16.0);
    let gains = || layers.iter().map(|layer| drawn(layer.gain_db));
    let (least, most) = (gains().fold(0.0, f64::min), gains().fold(0.0, f64::max));
    let x = |gain: f64| BARS[0] + (BARS[1] - BARS[0]) * (gain - least) / f64::max(most - least, 1e-9);
    // Writing to a string does not fail.
    _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"24\" font-size=\"16\" font-weight=\"bold\">{}: what its layers cost in bytes</text>\n\
         <text x=\"16\" y=\"42\" fill=\"#555555\">decibels that the results gain when one layer alone stays in floats</text>\n",
        escaped(&shortened(network, NAME)),
    );
    if layers.iter().any(|layer| layer.kept) {
        _ = writeln!(
            svg,
            "<rect x=\"16\" y=\"52\" width=\"20\" height=\"12\" fill=\"{KEPT}\"/>\
             <text x=\"42\" y=\"62\" fill=\"#555555\">stays in floats</text>"
        );
    }
    for (index, layer) in layers.iter().enumerate() {
        bar(&mut svg, layer, TOP + ROW * index as f64, &x);
    }
    let (zero, bottom) = (x(0.0), height - 12.0);
    _ = writeln!(svg, "<line x1=\"{zero:.1}\" x2=\"{zero:.1}\" y1=\"{}\" y2=\"{bottom:.1}\" stroke=\"#555555\"/>", TOP - 4.0);
    svg.push_str("</svg>\n");
    svg
}

/// A layer's name, bar and figure.
fn bar(svg: &mut String, layer: &LayerGain, top: f64, x: &impl Fn(f64) -> f64) {
    let LayerGain { node, operator, gain_db, sqnr_db, cosine, kept } = layer;
    let gain = drawn(*gain_db);
    let (left, right) = (x(gain.min(0.0)), x(gain.max(0.0)));
    _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#222222\">{}</text>\
         <rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"13\" fill=\"{}\">\
         <title>{}, {}: gain {gain:.2} dB; its own SQNR {sqnr_db:.1} dB, cosine {cosine:.5}</title></rect>\
         <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#222222\">{gain:.2}</text>",
        BARS[0] - 10.0,
        top + 11.0,
        escaped(&shortened(node, NAME)),
        right - left,
        if *kept { KEPT } else { COLOUR },
        escaped(node),
        escaped(operator),
        right + 5.0,
        top + 11.0,
    );
}

/// What is no finite number has no length.
fn drawn(gain: f64) -> f64 {
    if gain.is_finite() { gain } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(node: &str, gain_db: f64, kept: bool) -> LayerGain {
        LayerGain { node: node.to_owned(), operator: "Conv + Relu".to_owned(), gain_db, sqnr_db: 31.0, cosine: 0.999, kept }
    }

    #[test]
    fn every_layer_has_a_bar_with_its_name() {
        let layers =
            [layer("/stem/<first>", 3.25, true), layer("a & \"b\"", 0.5, false), layer("c", -0.25, false), layer("d", f64::NAN, false)];
        let svg = layer_gains("net<1>", &layers);
        for text in ["net&lt;1&gt;", ">/stem/&lt;first&gt;</text>", ">a &amp; &quot;b&quot;</text>", ">3.25<", ">-0.25<", "stays in floats"]
        {
            assert!(svg.contains(text), "{text} in {svg}");
        }
        for tag in ["svg", "text", "title"] {
            assert_eq!(svg.matches(&format!("<{tag}")).count(), svg.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        assert_eq!(svg.matches("<title>").count(), layers.len());
        assert!(!svg.contains("NaN") && !svg.contains("width=\"-"), "{svg}");
    }

    #[test]
    fn no_layers_and_no_gains_are_pictures_too() {
        assert!(layer_gains("net", &[]).ends_with("</svg>\n"));
        let svg = layer_gains("net", &[layer("a", 0.0, false)]);
        assert!(svg.contains("width=\"0.0\"") && !svg.contains(">stays in floats<"), "{svg}");
    }
}
