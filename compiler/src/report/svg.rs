//! The memory map as a picture: layers from left to right, the arena from bottom to top, a box for every buffer while it is alive. Layers
//! that run row by row have a shade behind them, and buffers that hold a few rows at a time are hatched.

use std::fmt::Write;

use super::model::{BufferReport, GroupReport, Report};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 470.0;
/// Left, top, right, bottom.
const MARGIN: [f64; 4] = [64.0, 98.0, 16.0, 64.0];
/// Height of the names of streamed groups above the plot.
const STRIP: f64 = 20.0;
const COLOURS: [&str; 8] = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#9c755f"];
const SHADE: &str = "#e9e9f4";
/// The widest that a letter is on average, by the size of the font.
const LETTER: f64 = 0.6;
/// How far above the arena, as its share, the scale may go to show what layer by layer needs.
const HEADROOM: f64 = 0.25;

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
         <text x=\"{}\" y=\"42\" fill=\"#555555\">{}</text>\n",
        MARGIN[0],
        escaped(&shortened(&report.name, 50)),
        MARGIN[0],
        plot.subtitle(report),
    );
    plot.hatches(&mut svg);
    plot.legend(&mut svg, report);
    plot.groups(&mut svg, report);
    plot.axes(&mut svg);
    for (index, buffer) in report.buffers.iter().enumerate() {
        plot.buffer(&mut svg, buffer, index % COLOURS.len());
    }
    plot.one_by_one(&mut svg);
    let line = plot.peak(&mut svg, report);
    plot.labels(&mut svg, report, line);
    svg.push_str("</svg>\n");
    svg
}

struct Plot {
    layers: usize,
    arena: usize,
    streamed: bool,
    /// What the same layers need one by one.
    one_by_one: usize,
    /// Bytes at the top of the plot.
    scale: usize,
}

impl Plot {
    fn new(report: &Report) -> Self {
        let arena = report.arena_bytes.max(1);
        let streamed = report.groups.iter().any(|group| group.streamed);
        let one_by_one = report.one_by_one_bytes();
        let fits = streamed && one_by_one > arena && one_by_one as f64 <= arena as f64 * (1.0 + HEADROOM);
        Plot { layers: report.layers.len().max(1), arena, streamed, one_by_one, scale: if fits { one_by_one } else { arena } }
    }

    fn x(&self, layer: usize) -> f64 {
        MARGIN[0] + (WIDTH - MARGIN[0] - MARGIN[2]) * layer as f64 / self.layers as f64
    }

    fn y(&self, byte: usize) -> f64 {
        HEIGHT - MARGIN[3] - (HEIGHT - MARGIN[1] - MARGIN[3]) * byte as f64 / self.scale as f64
    }

    fn subtitle(&self, report: &Report) -> String {
        let holds = format!("{} of RAM hold every activation", kib(report.arena_bytes));
        if !self.streamed || self.one_by_one <= self.arena {
            return holds;
        }
        let factor = report.weight_reads.factor;
        let reads = if factor >= 1.005 { format!("; weights are read {factor:.2} times") } else { String::new() };
        format!("{holds}; the same layers one by one need {}{reads}", kib(self.one_by_one))
    }

    fn hatches(&self, svg: &mut String) {
        svg.push_str("<defs>\n");
        for (index, colour) in COLOURS.iter().enumerate() {
            _ = writeln!(
                svg,
                "<pattern id=\"ring{index}\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
                 <rect width=\"5\" height=\"5\" fill=\"#ffffff\"/><rect width=\"2\" height=\"5\" fill=\"{colour}\"/></pattern>"
            );
        }
        svg.push_str("</defs>\n");
    }

    fn legend(&self, svg: &mut String, report: &Report) {
        let rings = report.buffers.iter().any(|buffer| buffer.ring_rows.is_some());
        let entries = [
            (true, whole_look(COLOURS[0]), "a tensor, first to last use"),
            (rings, ring_look(0), "a ring: a few rows of a tensor"),
            (self.streamed, format!("fill=\"{SHADE}\""), "layers that run together row by row, and how many"),
        ];
        let mut x = MARGIN[0];
        for (_, look, text) in entries.iter().filter(|(shown, ..)| *shown) {
            _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"52\" width=\"20\" height=\"12\" {look}/><text x=\"{:.1}\" y=\"62\" fill=\"#555555\">{text}</text>",
                x + 26.0
            );
            x += 26.0 + width(text, 12.0) + 12.0;
        }
    }

    /// The shade behind every streamed group, with its name above the plot where there is room.
    fn groups(&self, svg: &mut String, report: &Report) {
        let streamed: Vec<_> = report.groups.iter().filter(|group| group.streamed).collect();
        let (top, bottom) = (MARGIN[1] - STRIP, HEIGHT - MARGIN[3]);
        for (index, group) in streamed.iter().enumerate() {
            let (left, right) = (self.x(group.first_layer), self.x(group.last_layer + 1));
            let layers = group.last_layer + 1 - group.first_layer;
            _ = writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{SHADE}\" stroke=\"#ffffff\">\
                 <title>layers {} to {} run row by row, in {} calls</title></rect>",
                right - left,
                bottom - top,
                group.first_layer,
                group.last_layer,
                group.calls,
            );
            let from = if index == 0 { MARGIN[0] } else { self.x(streamed[index - 1].last_layer + 1) };
            let to = streamed.get(index + 1).map_or(WIDTH - MARGIN[2], |next| self.x(next.first_layer));
            let middle = f64::midpoint(left, right);
            let texts = [format!("row by row, {layers} layers"), "row by row".to_owned(), format!("{layers} layers"), layers.to_string()];
            // In the middle of the group, or from its left edge on where nothing follows.
            let place = |text: &String| {
                let wide = width(text, 11.0);
                let begin = if middle - wide / 2.0 >= from && middle + wide / 2.0 <= to { middle - wide / 2.0 } else { left + 3.0 };
                (begin + wide <= to).then_some(begin)
            };
            if let Some((x, text)) = texts.iter().find_map(|text| Some((place(text)?, text))) {
                let y = MARGIN[1] - 6.0;
                _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" font-size=\"11\" fill=\"#444466\">{text}</text>");
            }
        }
    }

    fn axes(&self, svg: &mut String) {
        for quarter in 0..=4 {
            let byte = self.arena * quarter / 4;
            let (x, y) = (MARGIN[0], self.y(byte));
            _ = writeln!(
                svg,
                "<line x1=\"{x}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#cccccc\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"11\" fill=\"#555555\">{}</text>",
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
        let (x, y) = ((MARGIN[0] + WIDTH - MARGIN[2]) / 2.0, HEIGHT - MARGIN[3] + 34.0);
        _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" fill=\"#555555\">layer, in the order of execution</text>");
    }

    fn buffer(&self, svg: &mut String, buffer: &BufferReport, colour: usize) {
        let Area { left, top, right, bottom } = self.area(buffer);
        let title = format!(
            "{}: {}{}, layers {} to {}, bytes {}..{}",
            escaped(&buffer.name),
            buffer.ring_rows.map_or(String::new(), |rows| format!("ring of {rows} {}, ", if rows == 1 { "row" } else { "rows" })),
            kib(buffer.bytes),
            buffer.first_layer,
            buffer.last_layer,
            buffer.offset,
            buffer.offset + buffer.bytes
        );
        let look = if buffer.ring_rows.is_some() { ring_look(colour) } else { whole_look(COLOURS[colour]) };
        _ = writeln!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" {look}><title>{title}</title></rect>",
            right - left,
            bottom - top,
        );
    }

    fn area(&self, buffer: &BufferReport) -> Area {
        let (left, right) = (self.x(buffer.first_layer), self.x(buffer.last_layer + 1));
        Area { left, top: self.y(buffer.offset + buffer.bytes), right, bottom: self.y(buffer.offset) }
    }

    /// The sizes of the buffers, the largest first, where they fit inside, beside the line at `line` and outside all others.
    fn labels(&self, svg: &mut String, report: &Report, line: f64) {
        let mut buffers: Vec<_> = report.buffers.iter().map(|buffer| (buffer, self.area(buffer))).collect();
        buffers.sort_by(|(_, a), (_, b)| b.size().total_cmp(&a.size()));
        let others = |buffer: &BufferReport| {
            let (offset, first) = (buffer.offset, buffer.first_layer);
            let others = report.buffers.iter().filter(move |other| (other.offset, other.first_layer) != (offset, first));
            others.map(|other| self.area(other))
        };
        for (buffer, area) in buffers.into_iter().filter(|(_, area)| area.bottom - area.top > 14.0) {
            let text = kib(buffer.bytes);
            let half = width(&text, 12.0) / 2.0 + 3.0;
            let (wide, high) = (area.right - area.left, area.bottom - area.top);
            let across = [0.5, 0.25, 0.75, 0.125, 0.875].map(|share| area.left + share * wide);
            let across = [across[0], f64::midpoint(line, area.right), f64::midpoint(area.left, line)].into_iter().chain(across);
            let down = [0.5, 0.25, 0.75].map(|share| area.top + share * high);
            let places = down.into_iter().flat_map(|y| across.clone().map(move |x| (x, y)));
            let label = |(x, y): (f64, f64)| Area { left: x - half, top: y - 7.0, right: x + half, bottom: y + 7.0 };
            let fits = |place: &(f64, f64)| {
                let label = label(*place);
                let inside = label.left >= area.left && label.right <= area.right && label.top >= area.top && label.bottom <= area.bottom;
                inside && !(label.left < line && line < label.right) && !others(buffer).any(|other| label.meets(&other))
            };
            let Some((x, y)) = places.into_iter().find(fits) else { continue };
            if buffer.ring_rows.is_some() {
                _ = writeln!(
                    svg,
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"14\" fill=\"#ffffff\" fill-opacity=\"0.8\"/>",
                    x - half,
                    y - 7.0,
                    2.0 * half
                );
            }
            let colour = if buffer.ring_rows.is_some() { "#222222" } else { "#ffffff" };
            _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{colour}\">{text}</text>", y + 4.0);
        }
    }

    /// A line at what the same layers need one by one, where the scale has it.
    fn one_by_one(&self, svg: &mut String) {
        if self.scale == self.arena {
            return;
        }
        let (y, right) = (self.y(self.one_by_one), WIDTH - MARGIN[2]);
        _ = writeln!(
            svg,
            "<line x1=\"{}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#c03030\" stroke-dasharray=\"6 3\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"11\" fill=\"#c03030\">one by one: {}</text>",
            MARGIN[0],
            right - 4.0,
            y + 13.0,
            kib(self.one_by_one),
        );
    }

    /// Marks the first group while which the most bytes are alive; says where the mark is.
    fn peak(&self, svg: &mut String, report: &Report) -> f64 {
        let Some(group) = report.peak() else { return 0.0 };
        let (left, right, bottom) = (self.x(group.first_layer), self.x(group.last_layer + 1), HEIGHT - MARGIN[3]);
        let x = f64::midpoint(left, right);
        _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\" stroke=\"#000000\" stroke-dasharray=\"3 3\"/>\
             <line x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{bottom}\" y2=\"{bottom}\" stroke=\"#000000\" stroke-width=\"3\"/>\
             <text x=\"{}\" y=\"{}\">peak: {} alive {}</text>",
            MARGIN[1],
            MARGIN[0],
            HEIGHT - 8.0,
            kib(BufferReport::covered(&report.alive(group))),
            self.place(report, group),
        );
        x
    }

    fn place(&self, report: &Report, group: &GroupReport) -> String {
        let name = |layer: usize| escaped(&shortened(report.layers.get(layer).map_or("", |layer| layer.name.as_str()), 36));
        let (first, last) = (group.first_layer, group.last_layer);
        if first == last {
            return format!("at layer {first}, {}", name(first));
        }
        format!("in layers {first} to {last}, {} to {}", name(first), name(last))
    }
}

/// Part of the picture.
#[derive(Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn size(&self) -> f64 {
        (self.right - self.left) * (self.bottom - self.top)
    }

    fn meets(&self, other: &Area) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

fn whole_look(colour: &str) -> String {
    format!("fill=\"{colour}\" fill-opacity=\"0.75\" stroke=\"#ffffff\" stroke-width=\"0.5\"")
}

fn ring_look(colour: usize) -> String {
    let stroke = COLOURS[colour];
    format!("fill=\"url(#ring{colour})\" stroke=\"{stroke}\" stroke-width=\"0.8\" stroke-dasharray=\"3 2\"")
}

/// What `text` may take at a size of font.
fn width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * LETTER
}

/// The end of a text tells names apart that begin alike.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most { text.to_owned() } else { format!("\u{2026}{}", text.chars().skip(count + 1 - most).collect::<String>()) }
}

fn kib(bytes: usize) -> String {
    if bytes < 10 << 10 { format!("{:.1} KiB", bytes as f64 / 1024.0) } else { format!("{} KiB", bytes.div_ceil(1024)) }
}

/// A name as XML has it.
pub(super) fn escaped(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::ZooOptions;
    use crate::{ModelFile, Options, RamBudget, compile};

    fn report(ram_budget: RamBudget) -> Report {
        let zoo = ZooOptions { width: 0.25, input_size: Some(64), ..ZooOptions::default() };
        let model = ModelFile::zoo("peleenet-224", &zoo).unwrap();
        compile(&model, &Options { ram_budget, ..Options::default() }).unwrap().report()
    }

    /// The rectangles whose titles have this text, in their order.
    fn areas(svg: &str, title: &str) -> Vec<Area> {
        let is_one = |line: &&str| line.starts_with("<rect x=") && line.contains("<title>") && line.contains(title);
        let area = |line: &str| {
            let number = |name: &str| -> f64 {
                let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
                rest.split_once('"').unwrap().0.parse().unwrap()
            };
            let (left, top) = (number("x"), number("y"));
            Area { left, top, right: left + number("width"), bottom: top + number("height") }
        };
        svg.lines().filter(is_one).map(area).collect()
    }

    /// Coordinates are rounded to tenths.
    const ROUNDED: f64 = 0.2;

    #[test]
    fn boxes_share_a_place_where_buffers_share_bytes_and_layers() {
        for report in [RamBudget::Least, RamBudget::Bytes(usize::MAX)].map(report) {
            let areas = areas(&memory_map(&report), ", bytes ");
            assert_eq!(areas.len(), report.buffers.len());
            for (i, (a, first)) in areas.iter().zip(&report.buffers).enumerate() {
                let inside = a.left >= MARGIN[0] && a.right <= WIDTH - MARGIN[2] + ROUNDED && a.top >= MARGIN[1];
                assert!(inside && a.bottom <= HEIGHT - MARGIN[3] + ROUNDED, "{first:?}");
                for (b, second) in areas.iter().zip(&report.buffers).skip(i + 1) {
                    let in_time = first.first_layer <= second.last_layer && second.first_layer <= first.last_layer;
                    let (below, above) = (first.offset + first.bytes <= second.offset, second.offset + second.bytes <= first.offset);
                    let meets = a.left + ROUNDED < b.right
                        && b.left + ROUNDED < a.right
                        && a.top + ROUNDED < b.bottom
                        && b.top + ROUNDED < a.bottom;
                    assert_eq!(meets, in_time && !below && !above, "{first:?} {second:?}");
                    assert!(!below || a.top + ROUNDED >= b.bottom, "the first byte is at the bottom: {first:?} {second:?}");
                }
            }
        }
    }

    #[test]
    fn shades_hold_the_layers_that_run_row_by_row() {
        let report = report(RamBudget::Least);
        let svg = memory_map(&report);
        let shades = areas(&svg, " run row by row, in ");
        let streamed: Vec<_> = report.groups.iter().filter(|group| group.streamed).collect();
        assert!(!shades.is_empty() && shades.len() == streamed.len());
        for (shade, group) in shades.iter().zip(&streamed) {
            // What lives only in the group's layers is drawn on its shade, and what dies before it beside it.
            for (area, buffer) in areas(&svg, ", bytes ").iter().zip(&report.buffers) {
                let is_inside = buffer.first_layer >= group.first_layer && buffer.last_layer <= group.last_layer;
                assert_eq!(area.left + ROUNDED >= shade.left && area.right <= shade.right + ROUNDED, is_inside, "{buffer:?} {group:?}");
                assert_eq!(area.right <= shade.left + ROUNDED, buffer.last_layer < group.first_layer, "{buffer:?} {group:?}");
            }
        }
    }

    #[test]
    fn a_picture_of_streamed_layers_says_what_they_save() {
        let (least, whole) = (report(RamBudget::Least), report(RamBudget::Bytes(usize::MAX)));
        let [svg, plain] = [&least, &whole].map(memory_map);
        let needed =
            format!("{} of RAM hold every activation; the same layers one by one need {}", kib(least.arena_bytes), kib(whole.arena_bytes));
        assert!(svg.contains(&needed) && svg.contains("a ring: a few rows of a tensor"), "{svg}");
        assert!(!plain.contains("one by one") && !plain.contains("a ring") && !plain.contains(SHADE), "{plain}");
        for tag in ["svg", "text", "title", "defs", "pattern"] {
            assert_eq!(svg.matches(&format!("<{tag}")).count(), svg.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn texts_are_short_and_have_no_tags() {
        assert_eq!([6, 5, 1].map(|most| shortened("abcdef", most)), ["abcdef", "\u{2026}cdef", "\u{2026}"]);
        assert_eq!(shortened("\u{e4}\u{f6}\u{fc}\u{df}", 3), "\u{2026}\u{fc}\u{df}", "letters, not bytes");
        assert_eq!(escaped("a<b>&\"c\"\n&amp;"), "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}&amp;amp;");
        assert_eq!([0, 512, 10_239, 10_240, 10_241].map(kib), ["0.0 KiB", "0.5 KiB", "10.0 KiB", "10 KiB", "11 KiB"]);
    }
}
