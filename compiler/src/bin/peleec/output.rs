//! Results on stdout, all else on stderr; as text for people, or as one JSON document.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anstream::ColorChoice;
use clap::ValueEnum;
use clap::builder::styling::{AnsiColor, Style};
use peleec::clean::{clean, clean_json, clean_lines};
use peleec::render::Part;
use peleec::{Diagnostic, Severity};
use serde_json::{Value, json};

use crate::failure::{Failure, internal_error};
use crate::table::Table;

#[derive(clap::Args)]
pub(crate) struct OutputArgs {
    /// Text for people, or one JSON document
    #[arg(long, global = true, value_enum, default_value_t = Format::Human, hide_possible_values = false)]
    format: Format,
    /// Say nothing but errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more on stderr: notes, times, sizes
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, hide_short_help = true)]
    color: Color,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// Where a command says what it has to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    command: &'static str,
}

impl Output {
    pub(crate) fn new(args: &OutputArgs, command: &'static str) -> Self {
        let choice = match args.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        choice.write_global();
        Output { json: args.format == Format::Json, quiet: args.quiet, verbose: args.verbose, command }
    }

    /// A line of a result for people. What the text has of a model's names stays in the line.
    pub(crate) fn say(&self, line: impl Display) {
        self.show(clean(&line.to_string()));
    }

    /// A result for people of several lines, of which a model's names are in quotes.
    pub(crate) fn say_lines(&self, text: &str) {
        self.show(clean_lines(text));
    }

    /// A table for people.
    pub(crate) fn table(&self, table: &Table) {
        self.show(table);
    }

    fn show(&self, text: impl Display) {
        if !self.json && !self.quiet {
            print(text);
        }
    }

    /// The one JSON document of a command.
    pub(crate) fn document(&self, body: Value) {
        self.document_of(|| body);
    }

    /// The one JSON document of a command, which is made where it is wanted.
    pub(crate) fn document_of(&self, body: impl FnOnce() -> Value) {
        if self.json {
            let mut body = body();
            body["schema"] = 1.into();
            body["command"] = self.command.into();
            print(clean_json(&format!("{body:#}")));
        }
    }

    /// Something beside the result that only `-v` asks for.
    pub(crate) fn detail(&self, line: impl Display) {
        if self.verbose && !self.quiet {
            tell(clean(&line.to_string()));
        }
    }

    /// What another program has said and a user should see.
    pub(crate) fn warn(&self, text: &str) {
        if !text.is_empty() && !self.json && !self.quiet {
            tell(clean_lines(text));
        }
    }

    /// Warnings; notes as well where `notes` are wanted.
    pub(crate) fn advice(&self, diagnostics: &[Diagnostic], notes: bool) {
        if self.json || self.quiet {
            return;
        }
        for diagnostic in diagnostics.iter().filter(|diagnostic| notes || diagnostic.severity != Severity::Note) {
            tell(peleec::render::block(diagnostic, &paint).trim_end());
        }
    }

    /// Why there is no result.
    pub(crate) fn failure(&self, failure: &Failure) {
        let code = failure.exit_code();
        if self.json {
            self.document(match failure.diagnostics() {
                Some(diagnostics) => json!({ "exit_code": code, "diagnostics": diagnostics }),
                None => json!({ "exit_code": code, "error": failure.to_string() }),
            });
            return;
        }
        match failure.diagnostics() {
            Some(diagnostics) => {
                tell(peleec::render::render(diagnostics, &paint));
                let error = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error);
                if let Some(error) = error.filter(|_| !self.quiet) {
                    tell(format_args!("`peleec explain {}` says what it means", error.code));
                }
            }
            None => tell(format_args!("{} {}", paint(Part::Heading(Severity::Error), "error:"), failure.text())),
        }
        if code == 70 {
            tell(internal_error());
        }
    }
}

/// Writes a line; a reader that has gone away has read enough.
fn print(text: impl Display) {
    let mut stream = anstream::stdout().lock();
    if let Err(error) = writeln!(stream, "{text}").and_then(|()| stream.flush()) {
        let code = if error.kind() == ErrorKind::BrokenPipe { 0 } else { 3 };
        std::process::exit(code);
    }
}

fn tell(text: impl Display) {
    _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Colours a part of a diagnostic; the stream strips the colours where they are not wanted.
fn paint(part: Part, text: &str) -> String {
    let style = match part {
        Part::Heading(Severity::Error) => AnsiColor::BrightRed.on_default().bold(),
        Part::Heading(Severity::Warning) => AnsiColor::BrightYellow.on_default().bold(),
        Part::Heading(Severity::Note) => AnsiColor::BrightCyan.on_default().bold(),
        Part::Title => Style::new().bold(),
        Part::Label => AnsiColor::BrightBlue.on_default(),
    };
    format!("{style}{text}{style:#}")
}
