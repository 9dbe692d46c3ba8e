//! A panic ends with the event that met it, and is told like any other problem.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once};

use logtriage_files::{Reports, print_reports};

use crate::shared::{lock, now};

/// Problems that belong to no engine.
static REPORTS: Mutex<Option<Reports>> = Mutex::new(None);

thread_local! {
    /// What the last panic of this thread said.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps what panics say instead of printing it for each event. The hook is this module's own: the
/// program has another standard library, with another hook.
pub(crate) fn keep_messages() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            // A thread that is ending keeps nothing.
            let _ = LAST.try_with(|last| last.replace(panic.to_string()));
        }));
    });
}

/// Does some work that may panic.
///
/// # Errors
/// What the panic said.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| LAST.try_with(RefCell::take).unwrap_or_default())
}

/// Tells a person of a problem; those of one kind once a minute.
pub(crate) fn tell(kind: &'static str, problem: impl FnOnce() -> String) {
    let mut reports = lock(&REPORTS);
    let reports = reports.get_or_insert_default();
    reports.tell(kind, now(), problem);
    print_reports(reports.take());
}
