//! A sidecar that is killed, and a downstream that is: what was acknowledged has arrived.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_test::sidecar::events::field;
use host_test::sidecar::proto::{Event, PushEventsRequest, Value};
use host_test::sidecar::{Downstream, Process, channel, push};
use prost::Message;

/// Senders at once, as the requests of Vector's sink.
const SENDERS: usize = 4;

/// Events of one request.
const BATCH: usize = 100;

fn start(forward: SocketAddr) -> Process {
    Process::start(env!("CARGO_BIN_EXE_sidecar"), forward, &[]).expect("starts")
}

fn batch(first: usize) -> Vec<u8> {
    let event = |number: usize| {
        let entry = |key: &[u8], value: &[u8]| field(1, &[field(1, key), field(2, value)].concat());
        let text = format!("order {number} was accepted after {} ms", number % 97);
        let mut sequence = vec![0x20];
        prost::encoding::encode_varint(number as u64, &mut sequence);
        let entries = [entry(b"message", &field(1, text.as_bytes())), entry(b"n", &sequence)];
        field(1, &field(1, &entries.concat()))
    };
    (first..first + BATCH).flat_map(event).collect()
}

/// Numbers of the events that the downstream accepted; each has its label.
fn accepted(downstream: &Downstream) -> BTreeSet<u64> {
    let mut numbers = BTreeSet::new();
    for received in downstream.received().iter().filter(|received| received.is_accepted) {
        let request = PushEventsRequest::decode(received.message.clone()).expect("sound");
        for event in &request.events {
            let Some(Event::Log(log)) = &event.event else { panic!("a log") };
            let json = |value: &Value| serde_json::Value::from(value);
            assert!(json(&log.fields["triage"])["label"].is_string());
            numbers.insert(json(&log.fields["n"]).as_u64().expect("a number"));
        }
    }
    numbers
}

#[test]
fn nothing_that_was_acknowledged_is_lost() {
    let mut downstream = Downstream::start().expect("starts");
    let forward = downstream.address();
    let mut sidecar = start(forward);
    let address = Arc::new(Mutex::new(sidecar.address()));
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for sender in 0..SENDERS {
        let (address, acknowledged) = (Arc::clone(&address), Arc::clone(&acknowledged));
        runtime.spawn(async move {
            let mut next = sender * 10_000_000;
            let mut known = *address.lock().expect("no panic");
            let mut connection = channel(known).expect("an address");
            loop {
                // As Vector's sink: the same again until it is acknowledged.
                if push(&connection, batch(next)).await.is_ok() {
                    acknowledged.lock().expect("no panic").insert(next);
                    next += BATCH;
                    continue;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
                let now = *address.lock().expect("no panic");
                if now != known {
                    known = now;
                    connection = channel(now).expect("an address");
                }
            }
        });
    }
    let done = || acknowledged.lock().expect("no panic").len();
    let go_on = |more: usize| {
        let enough = done() + more;
        while done() < enough {
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    for round in 0..12 {
        go_on(20 + 7 * round);
        if round % 3 == 2 {
            downstream.die();
            std::thread::sleep(Duration::from_millis(30));
            downstream.restart().expect("restarts");
        } else {
            // Kills it.
            drop(sidecar);
            sidecar = start(forward);
            *address.lock().expect("no panic") = sidecar.address();
        }
    }
    go_on(20);
    runtime.shutdown_background();
    let (acknowledged, accepted) = (acknowledged.lock().expect("no panic"), accepted(&downstream));
    let lost: Vec<_> = acknowledged
        .iter()
        .flat_map(|first| *first..*first + BATCH)
        .filter(|number| !accepted.contains(&(*number as u64)))
        .collect();
    assert!(acknowledged.len() > 500, "{} requests", acknowledged.len());
    assert!(lost.is_empty(), "{} of {}: {lost:?}", lost.len(), acknowledged.len() * BATCH);
}
