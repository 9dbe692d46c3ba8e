//! A report as text for the screen, and as Markdown with SVG charts.

use std::path::Path;

use crate::failure::Failure;
use crate::screen;

/// What the page is called in its directory.
const PAGE: &str = "report.md";

/// Parts in the order in which they are read.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Part>);

#[derive(Debug)]
enum Part {
    Heading(String),
    Text(String),
    Table(Table),
    Chart { file: String, title: String, svg: String },
}

/// Rows of cells under a head.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// Rows on the screen; the page has them all.
    pub(super) on_screen: Option<usize>,
}

impl Table {
    /// A table with these columns.
    pub(super) fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let head = head.into_iter().map(Into::into).collect();
        Self { head, ..Self::default() }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl Report {
    pub(super) fn heading(&mut self, text: impl Into<String>) {
        self.0.push(Part::Heading(text.into()));
    }

    /// A paragraph.
    pub(super) fn text(&mut self, text: impl Into<String>) {
        self.0.push(Part::Text(text.into()));
    }

    pub(super) fn table(&mut self, table: Table) {
        self.0.push(Part::Table(table));
    }

    /// A chart, in the page only; the file's name without `.svg`.
    pub(super) fn chart(&mut self, file: &str, title: &str, svg: String) {
        let (file, title) = (format!("{file}.svg"), title.to_owned());
        self.0.push(Part::Chart { file, title, svg });
    }

    /// What goes to a terminal: nothing in it acts there.
    pub(super) fn on_screen(&self) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Heading(text) => out += &format!("\n{text}\n"),
                Part::Text(text) => out += &format!("{text}\n"),
                Part::Table(table) => out += &aligned(table),
                Part::Chart { .. } => {}
            }
        }
        screen::safe(out.trim_start_matches('\n')).into_owned()
    }

    /// Writes page and charts; `dir` is there.
    pub(super) fn write(&self, dir: &Path) -> Result<(), Failure> {
        let put = |name: &str, text: &str| {
            let path = dir.join(name);
            std::fs::write(&path, text).map_err(|problem| Failure::io(&path, problem))
        };
        for part in &self.0 {
            if let Part::Chart { file, svg, .. } = part {
                put(file, svg)?;
            }
        }
        put(PAGE, &self.markdown())
    }

    fn markdown(&self) -> String {
        let mut out = "# How good is a model of these labels?\n".to_owned();
        for part in &self.0 {
            match part {
                Part::Heading(text) => out += &format!("\n## {}\n", inert(text)),
                Part::Text(text) => out += &format!("\n{}\n", inert(text)),
                Part::Table(table) => out += &piped(table),
                Part::Chart { file, title, .. } => {
                    out += &format!("\n![{}]({file})\n", inert(title));
                }
            }
        }
        out
    }
}

/// Columns two spaces apart; numbers to the right.
fn aligned(table: &Table) -> String {
    let shown = table.on_screen.unwrap_or(usize::MAX);
    let rows: Vec<&Vec<String>> = table.rows.iter().take(shown).collect();
    let column = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    let width = |(at, name): (usize, &String)| {
        let cells = column(at).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(name.chars().count())
    };
    let widths: Vec<usize> = table.head.iter().enumerate().map(width).collect();
    let is_number = |at| at > 0 && column(at).all(|cell| numeric(cell));
    let numbers: Vec<bool> = (0..widths.len()).map(is_number).collect();
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths).zip(&numbers).map(|((cell, &width), &number)| {
            if number { format!("{cell:>width$}") } else { format!("{cell:width$}") }
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    std::iter::once(&table.head).chain(rows.iter().copied()).map(line).collect()
}

fn numeric(cell: &str) -> bool {
    cell.is_empty() || cell.starts_with(|c: char| c.is_ascii_digit() || "-+".contains(c))
}

fn piped(table: &Table) -> String {
    let line = |cells: &Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| inert(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let ruler = vec!["---"; table.head.len()].join(" | ");
    let rows: String = table.rows.iter().map(line).collect();
    format!("\n{}| {ruler} |\n{rows}", line(&table.head))
}

/// Text that neither Markdown nor HTML reads as more than text.
fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in screen::one_line(text, usize::MAX).chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '!' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    // Some pages make links of addresses.
    out.replace("://", "&#58;//").replace("www.", "www&#46;").replace('@', "&#64;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_acts() {
        let mut report = Report::default();
        let mut table = Table::new(["template", "n"]);
        table.row(["a | b\n<script>`x`</script> [l](http://x)\u{1b}[2J", "12"]);
        report.table(table);
        let page = report.markdown();
        assert!(page.contains(r"| a \| b &lt;script&gt;\`x\`&lt;/script&gt; \[l\](http&#58;//x)"));
        assert!(!page.contains('\u{1b}') && !report.on_screen().contains('\u{1b}'));
        assert_eq!(page.lines().filter(|line| line.starts_with('|')).count(), 3, "{page}");
    }

    #[test]
    fn the_screen_shows_the_first_rows_in_columns() {
        let mut table = Table::new(["name", "count"]);
        table.row(["a", "5"]);
        table.row(["bcdefg", "1234567"]);
        table.row(["h", "6"]);
        table.on_screen = Some(2);
        assert_eq!(aligned(&table), "name      count\na             5\nbcdefg  1234567\n");
        assert!(piped(&table).contains("| h | 6 |"));
    }
}
