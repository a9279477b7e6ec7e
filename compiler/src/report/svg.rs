//! The memory map as a picture: layers from left to right, the arena from bottom to top, a box for every buffer while it is alive.

use std::fmt::Write;

use super::model::{BufferReport, Report};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 420.0;
/// Left, top, right, bottom.
const MARGIN: [f64; 4] = [64.0, 56.0, 16.0, 64.0];
const COLOURS: [&str; 8] = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#9c755f"];

/// The memory map of a compilation, as an SVG document.
pub fn memory_map(report: &Report) -> String {
    let plot = Plot::new(report);
    let mut svg = String::new();
    // Writing to a string does not fail.
    _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{}\" y=\"24\" font-size=\"16\" font-weight=\"bold\">{}: what is in memory, layer by layer</text>\n\
         <text x=\"{}\" y=\"42\" fill=\"#555555\">{} of RAM hold every activation; each box is a tensor from its first to its last use</text>\n",
        MARGIN[0],
        escaped(&report.name),
        MARGIN[0],
        kib(report.arena_bytes),
    );
    plot.axes(&mut svg);
    for (index, buffer) in report.buffers.iter().enumerate() {
        plot.buffer(&mut svg, buffer, COLOURS[index % COLOURS.len()]);
    }
    plot.peak(&mut svg, report);
    svg.push_str("</svg>\n");
    svg
}

struct Plot {
    layers: usize,
    arena: usize,
}

impl Plot {
    fn new(report: &Report) -> Self {
        Plot { layers: report.layers.len().max(1), arena: report.arena_bytes.max(1) }
    }

    fn x(&self, layer: usize) -> f64 {
        MARGIN[0] + (WIDTH - MARGIN[0] - MARGIN[2]) * layer as f64 / self.layers as f64
    }

    fn y(&self, byte: usize) -> f64 {
        HEIGHT - MARGIN[3] - (HEIGHT - MARGIN[1] - MARGIN[3]) * byte as f64 / self.arena as f64
    }

    fn axes(&self, svg: &mut String) {
        for quarter in 0..=4 {
            let byte = self.arena * quarter / 4;
            let (x, y) = (MARGIN[0], self.y(byte));
            _ = writeln!(
                svg,
                "<line x1=\"{x}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555555\">{}</text>",
                WIDTH - MARGIN[2],
                x - 6.0,
                y + 4.0,
                kib(byte),
            );
        }
        let step = self.layers.div_ceil(12).max(1);
        for layer in (0..self.layers).step_by(step) {
            let (x, y) = (self.x(layer), HEIGHT - MARGIN[3] + 16.0);
            _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" fill=\"#555555\">{layer}</text>");
        }
        let (x, y) = ((MARGIN[0] + WIDTH - MARGIN[2]) / 2.0, HEIGHT - MARGIN[3] + 36.0);
        _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" fill=\"#555555\">layer, in the order of execution</text>");
    }

    fn buffer(&self, svg: &mut String, buffer: &BufferReport, colour: &str) {
        let (left, right) = (self.x(buffer.first_layer), self.x(buffer.last_layer + 1));
        let (top, bottom) = (self.y(buffer.offset + buffer.bytes), self.y(buffer.offset));
        let title = format!(
            "{}: {}, layers {} to {}, bytes {}..{}",
            escaped(&buffer.name),
            kib(buffer.bytes),
            buffer.first_layer,
            buffer.last_layer,
            buffer.offset,
            buffer.offset + buffer.bytes
        );
        _ = writeln!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\" fill-opacity=\"0.75\" \
             stroke=\"#ffffff\" stroke-width=\"0.5\"><title>{title}</title></rect>",
            right - left,
            bottom - top,
        );
        const LABEL: f64 = 48.0;
        if right - left > LABEL && bottom - top > 14.0 {
            let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0 + 4.0);
            _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" fill=\"#ffffff\">{}</text>", kib(buffer.bytes));
        }
    }

    /// Marks the first layer at which the most bytes are alive.
    fn peak(&self, svg: &mut String, report: &Report) {
        let alive = |layer: usize| -> usize {
            let buffers = report.buffers.iter().filter(|buffer| (buffer.first_layer..=buffer.last_layer).contains(&layer));
            buffers.map(|buffer| buffer.bytes).sum()
        };
        let Some((layer, bytes)) = (0..self.layers).map(|layer| (layer, alive(layer))).rev().max_by_key(|&(_, bytes)| bytes) else {
            return;
        };
        let (x, bottom) = (self.x(layer), HEIGHT - MARGIN[3]);
        let name = report.layers.get(layer).map_or("", |layer| layer.name.as_str());
        _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\" stroke=\"#000000\" stroke-dasharray=\"3 3\"/>\
             <text x=\"{}\" y=\"{}\">peak: {} at layer {layer}, {}</text>",
            MARGIN[1],
            MARGIN[0],
            HEIGHT - 8.0,
            kib(bytes),
            escaped(name),
        );
    }
}

fn kib(bytes: usize) -> String {
    if bytes < 10 << 10 { format!("{:.1} KiB", bytes as f64 / 1024.0) } else { format!("{} KiB", bytes.div_ceil(1024)) }
}

fn escaped(text: &str) -> String {
    let mut result = String::new();
    for c in text.chars() {
        match c {
            '<' => result.push_str("&lt;"),
            '>' => result.push_str("&gt;"),
            '&' => result.push_str("&amp;"),
            '"' => result.push_str("&quot;"),
            c if c.is_control() => result.push('\u{fffd}'),
            c => result.push(c),
        }
    }
    result
}
