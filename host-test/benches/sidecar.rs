//! What the sidecar costs beside the same sidecar that only forwards, in one run, between two ends
//! of the benchmark's own.
//!
//! `cargo bench --bench sidecar` starts a process of each kind, sends both the same requests of
//! 1,000 events in turn, and prints the CPU time of each process per event, their ratio, events per
//! second of one core, and memory. The ratio holds on any machine, single times do not. Linux alone
//! tells them.

use std::net::SocketAddr;

use bytes::Bytes;
use host_test::bench::{Varying, line, memory};
use host_test::sidecar::proto::{
    EventWrapper, Kind, Log, Metadata, PushEventsRequest, Timestamp, Value,
};
use host_test::sidecar::{Downstream, Process, channel, push};
use prost::Message;
use tokio::runtime::Runtime;
use tonic::transport::Channel;

/// Events of one request, as Vector's sink sends.
const BATCH: usize = 1_000;

/// Requests that differ, sent again and again.
const REQUESTS: usize = 12;

/// Requests to each sidecar in one round, and rounds. The kernel counts time in steps of 10 ms.
const ROUND: usize = 300;
const ROUNDS: usize = 8;

/// Requests that are under way at once.
const AT_ONCE: usize = 4;

struct Sidecar {
    process: Process,
    channel: Channel,
}

impl Sidecar {
    fn start(runtime: &Runtime, forward: SocketAddr, arguments: &[&str]) -> Self {
        let process = Process::start(env!("CARGO_BIN_EXE_sidecar"), forward, arguments);
        let process = process.expect("starts");
        let channel = runtime.block_on(async { channel(process.address()) }).expect("an address");
        Self { process, channel }
    }

    /// In seconds.
    fn cpu(&self) -> f64 {
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = format!("/proc/{}/stat", self.process.id());
        let stat = std::fs::read_to_string(stat).expect("Linux");
        let after_name = stat.rsplit(')').next().expect("fields");
        let field = |place: usize| -> f64 {
            after_name.split_whitespace().nth(place).and_then(|n| n.parse().ok()).expect("a number")
        };
        // utime and stime, fields 14 and 15 of all.
        (field(11) + field(12)) / TICKS_PER_SECOND
    }
}

/// Events as a file source makes them.
fn requests(varying: Varying) -> Vec<Bytes> {
    let event = |number: usize| -> EventWrapper {
        let text = |text: &str| Value::from(Kind::RawBytes(text.as_bytes().to_vec()));
        let time = Timestamp { seconds: 1_795_157_011, nanos: 118_000_000 };
        let fields = [
            ("file", text("/var/log/app/app.log")),
            ("host", text("web-01.example.com")),
            ("message", text(&line(number, varying))),
            ("source_type", text("file")),
            ("timestamp", Kind::Timestamp(time).into()),
        ];
        let metadata = Metadata {
            value: Some(Kind::Map(Default::default()).into()),
            source_id: Some("app".to_owned()),
            source_type: Some("file".to_owned()),
            source_event_id: vec![7; 16],
        };
        Log {
            fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            value: None,
            metadata: Some(Kind::Map(Default::default()).into()),
            metadata_full: Some(metadata),
        }
        .into()
    };
    (0..REQUESTS)
        .map(|place| {
            let events = (0..BATCH).map(|n| event(place * BATCH + n)).collect();
            PushEventsRequest { events }.encode_to_vec().into()
        })
        .collect()
}

/// Sends `count` requests, some at once.
fn send(runtime: &Runtime, to: &Sidecar, requests: &[Bytes], count: usize) {
    let per_sender = count / AT_ONCE;
    let senders: Vec<_> = (0..AT_ONCE)
        .map(|sender| {
            let (channel, requests) = (to.channel.clone(), requests.to_vec());
            runtime.spawn(async move {
                for place in 0..per_sender {
                    let request = requests[(sender + place) % requests.len()].clone();
                    push(&channel, request).await.expect("accepted");
                }
            })
        })
        .collect();
    for sender in senders {
        runtime.block_on(sender).expect("no panic");
    }
}

fn measure(name: &str, requests: &[Bytes]) {
    let downstream = Downstream::start().expect("starts");
    downstream.forget();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let bare = Sidecar::start(&runtime, downstream.address(), &["--bare"]);
    let labelling = Sidecar::start(&runtime, downstream.address(), &[]);
    let both = [&bare, &labelling];
    let mut spent = [0.0; 2];
    for round in 0..=ROUNDS {
        for (sidecar, spent) in both.iter().zip(&mut spent) {
            let before = sidecar.cpu();
            send(&runtime, sidecar, requests, ROUND);
            // The first round warms up.
            if round > 0 {
                *spent += sidecar.cpu() - before;
            }
        }
    }
    let bytes: usize = requests.iter().map(Bytes::len).sum();
    let events = (ROUND * ROUNDS * BATCH) as f64;
    println!("\n{name}: requests of {BATCH} events of {} bytes", bytes / requests.len() / BATCH);
    for (what, sidecar, spent) in
        [("forwarding", both[0], spent[0]), ("labelling", both[1], spent[1])]
    {
        println!(
            "{what:<12} {:>6.2} µs of CPU per event {:>9.0} events/s per core {:>6.1} MiB (at most {:.1})",
            spent / events * 1e6,
            events / spent,
            memory(sidecar.process.id(), "VmRSS").expect("Linux"),
            memory(sidecar.process.id(), "VmHWM").expect("Linux"),
        );
    }
    println!("labelling costs {:.2} × forwarding", spent[1] / spent[0]);
}

fn main() {
    measure("numbers vary", &requests(Varying::Numbers));
    measure("hexadecimal ids vary", &requests(Varying::Ids));
}
