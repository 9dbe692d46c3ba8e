//! `logtriage reason --dry-run`: what would be sent, and what it would cost.

use logtriage_files::json_line;

use super::asker::Asker;
use super::form::Form;
use super::queue::Waiting;
use super::status::spent_words;
use super::usage::Spent;
use crate::failure::Failure;
use crate::screen;

/// Prints the body of each request, a line each, and their sum on standard error.
pub fn print(asker: &Asker<'_>, waiting: &[Waiting], form: Form) -> Result<(), Failure> {
    let mut sum = Spent::default();
    let (mut bytes, mut lines) = (0, String::new());
    for batch in waiting.chunks(asker.reasoning.templates_per_request as usize) {
        let request = asker.request(&batch.iter().collect::<Vec<_>>(), None, form)?;
        let line = json_line(&request.body).map_err(|e| Failure::other(e.to_string()))?;
        let parts = request.charge.parts();
        bytes += line.len();
        sum.requests += parts.requests;
        sum.templates += parts.templates;
        sum.input_tokens += parts.input_tokens;
        sum.output_tokens += parts.output_tokens;
        lines.push_str(&line);
        lines.push('\n');
    }
    screen::print(lines.as_bytes())?;
    screen::tell(&format!(
        "logtriage: nothing was sent to {}; it would be {} bytes, about: {}",
        asker.reasoning.base_url,
        screen::grouped(bytes as u64),
        spent_words(&sum, &asker.reasoning.price)
    ));
    Ok(())
}
