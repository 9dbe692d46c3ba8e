//! `logtriage distil`: a sentence transformer becomes a static token table.
//!
//! Each token of the vocabulary goes through the teacher alone; the 384 numbers that come out are
//! reduced to 256 by principal components; each token's weight follows from how often it occurs
//! (Tulkens and van Dongen, Model2Vec, 2024). What is written is a table directory for `train`.

mod frequency;
mod pca;
mod table;
mod teacher;

use std::path::PathBuf;

use logtriage_engine::semantic::BundleParts;

use crate::failure::{Ended, Failure};
use crate::labelled::{Columns, DataError, Labelled};
use crate::screen;
use logtriage_onnx::{Files, OnnxError};
use teacher::Teacher;

/// Distil a sentence transformer into a token table for `train`
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  logtriage distil --model model.onnx --tokenizer tokenizer.json --corpus logs.csv -o table/
  logtriage train labelled.csv --table table/ -o bundle/

ONNX Runtime is loaded when needed: pip install onnxruntime, then point --onnxruntime or
ORT_DYLIB_PATH at its libonnxruntime.so.* (onnxruntime/capi/ in site-packages).")]
pub(crate) struct Args {
    /// The teacher: inputs input_ids and, if it has them, attention_mask and token_type_ids; output
    /// last_hidden_state
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Its WordPiece tokenizer.json
    #[arg(long, value_name = "FILE")]
    tokenizer: PathBuf,
    /// CSV files whose messages tell how often tokens occur
    #[arg(long, value_name = "FILE", num_args = 1..)]
    corpus: Vec<PathBuf>,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// The a of the token weight a / (a + p): tokens more frequent than this count for less
    #[arg(long, default_value_t = 1e-2, value_name = "A")]
    sif: f64,
    /// What to write into the manifest as the table's origin
    #[arg(long, default_value = "distilled from a sentence transformer", value_name = "TEXT")]
    origin: String,
    /// ONNX Runtime's shared library
    #[arg(long, env = "ORT_DYLIB_PATH", value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
    #[command(flatten)]
    columns: Columns,
}

/// Why no table was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DistilError {
    /// The teacher cannot be loaded or run.
    #[error(transparent)]
    Teacher(#[from] OnnxError),
    /// The corpus cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The table cannot be written.
    #[error(transparent)]
    Parts(#[from] logtriage_files::FileError),
    /// An option is out of range.
    #[error("--sif is {0}, expected a number above 0, at most 1")]
    Sif(f64),
}

/// Runs the command.
///
/// # Errors
/// See [`DistilError`]; nothing is written then, except if writing itself fails.
pub(crate) fn run(args: &Args) -> Result<Ended, Failure> {
    let page = make(args).map_err(|error| Failure::other(error.to_string()))?;
    screen::print(screen::safe(&page).as_bytes())?;
    Ok(Ended::Clean)
}

/// Writes the table and says what was written.
fn make(args: &Args) -> Result<String, DistilError> {
    if !(args.sif > 0.0 && args.sif <= 1.0) {
        return Err(DistilError::Sif(args.sif));
    }
    let templates = Labelled::templates(&args.corpus, &args.columns)?;
    let (model, tokenizer) = (args.model.clone(), args.tokenizer.clone());
    let files = Files { model, tokenizer, runtime: args.onnxruntime.clone() };
    let (parts, variance_kept) = distil(&Teacher::open(&files)?, &templates, args)?;
    logtriage_files::write_parts(&args.output, &parts)?;
    let mut page = format!("variance kept by 256 components: {variance_kept:.4}\n");
    for (name, bytes) in &parts {
        page += &format!("{:>10}  {}\n", bytes.len(), args.output.join(name).display());
    }
    Ok(page)
}

fn distil(
    teacher: &Teacher,
    templates: &[String],
    args: &Args,
) -> Result<(BundleParts, f64), DistilError> {
    let counts = teacher.count(templates)?;
    let weights = frequency::weights(&counts, args.sif);
    let vectors = teacher.vectors()?;
    let reduced = pca::reduce(&vectors);
    let origin = format!("{}; sif {:e}; {} templates", args.origin, args.sif, templates.len());
    let parts = table::parts(&teacher.vocabulary(), &reduced.vectors, &weights, origin);
    Ok((parts, reduced.variance_kept))
}
