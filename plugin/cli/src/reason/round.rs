//! A round of questions over HTTP: workers that ask, and the verdicts written down as they come.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::asker::Asker;
use super::client::Client;
use super::desk::{Desk, Next, Report, Settled};
use super::queue::Waiting;
use super::usage::Ledger;
use crate::failure::Failure;

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What workers share.
struct Shared<'d, 'm, W> {
    desk: Desk<'d, 'm>,
    write: W,
    /// What ends the round at once.
    failure: Option<Failure>,
}

/// Asks about `templates` in this order, and calls `write` with what is settled by each answer
/// before anything else is asked.
///
/// # Errors
/// What is known cannot be written down.
pub fn run<W>(
    asker: &Asker<'_>,
    client: &Client,
    ledger: &Ledger,
    templates: Vec<Waiting>,
    write: W,
) -> Result<Report, Failure>
where
    W: FnMut(&[Settled], &[Waiting]) -> Result<(), Failure> + Send,
{
    let desk = Desk::new(asker, ledger, templates);
    let shared = Mutex::new(Shared { desk, write, failure: None });
    thread::scope(|scope| {
        for _ in 0..asker.reasoning.limits.concurrent_requests {
            scope.spawn(|| work(&shared, client));
        }
    });
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    match shared.failure {
        Some(failure) => Err(failure),
        None => Ok(shared.desk.report()),
    }
}

fn work<W>(shared: &Mutex<Shared<'_, '_, W>>, client: &Client)
where
    W: FnMut(&[Settled], &[Waiting]) -> Result<(), Failure>,
{
    loop {
        let next = {
            let mut shared = lock(shared);
            if shared.failure.is_some() {
                return;
            }
            shared.desk.next(now())
        };
        match next {
            Ok(Next::Done) => return,
            Ok(Next::Wait(milliseconds)) => {
                // Short, so that a round that is over is over.
                thread::sleep(Duration::from_millis(milliseconds.min(100)));
            }
            Ok(Next::Ask(order)) => {
                let result = client.ask(order.body());
                let mut shared = lock(shared);
                let Shared { desk, write, failure, .. } = &mut *shared;
                let written = desk
                    .finish(*order, result, now())
                    .and_then(|settled| write(&settled, desk.templates()));
                if let Err(problem) = written {
                    *failure = Some(problem);
                    return;
                }
            }
            Err(problem) => {
                lock(shared).failure = Some(problem);
                return;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
