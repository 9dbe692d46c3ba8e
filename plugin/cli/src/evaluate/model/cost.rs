//! What an answer costs: ours beside the transformer's.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;
use logtriage_engine::Model;
use logtriage_engine::semantic::Scratch;

use super::report::{Report, Table};
use crate::failure::Failure;
use crate::labelled::Labelled;
use crate::train::sentence;

/// Times that all templates are labelled: one would be over too soon to be measured.
const ROUNDS: usize = 5;

/// Adds the costs per template, one after the other on one core, and their ratio.
pub(super) fn report(
    report: &mut Report,
    data: &Labelled,
    theirs: Duration,
) -> Result<(), Failure> {
    let ours = measure(data)?;
    let row = |name: &str, cost: Duration| {
        let ratio = cost.as_secs_f64() / ours.as_secs_f64().max(f64::MIN_POSITIVE);
        [name.to_owned(), format!("{:.1}", cost.as_secs_f64() * 1e6), format!("{ratio:.0}")]
    };
    let mut table = Table::new(["model", "µs per template", "times this model's"]);
    table.row(row("this model", ours));
    table.row(row("transformer", theirs));
    report.heading("Cost");
    report.text(
        "from a template to its label with our built-in model, whose shape every model of ours \
         has; from a template to its embedding with the transformer; one at a time, \
         in time of one core, measured in this run",
    );
    report.table(table);
    Ok(())
}

fn measure(data: &Labelled) -> Result<Duration, Failure> {
    let model = Model::builtin().map_err(sentence)?;
    let mut scratch = Scratch::default();
    let start = ThreadTime::now();
    for _ in 0..ROUNDS {
        for row in &data.rows {
            black_box(model.predict(black_box(&row.template), &mut scratch)).map_err(sentence)?;
        }
    }
    Ok(start.elapsed().div_f64((ROUNDS * data.rows.len()).max(1) as f64))
}
