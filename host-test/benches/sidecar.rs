//! What the sidecar costs beside the same sidecar that only forwards, in one run, between two ends
//! of the benchmark's own.
//!
//! `cargo bench --bench sidecar` starts a process of each kind, sends both the same requests of 1,000
//! events in turn, and prints the CPU time of each process per event, their ratio, events per second
//! of one core, and memory. The ratio holds on any machine, single times do not. Linux alone tells
//! them.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use host_test::sidecar::proto::{
    EventWrapper, Kind, Log, Metadata, PushEventsRequest, Timestamp, Value,
};
use host_test::sidecar::{Downstream, channel, push};
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

struct Process {
    child: Child,
    channel: Channel,
}

impl Process {
    fn start(runtime: &Runtime, forward: SocketAddr, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sidecar"))
            .arg(forward.to_string())
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("an output");
        BufReader::new(output).read_line(&mut line).expect("can be read");
        let address = line.trim().parse().expect("an address");
        let channel = runtime.block_on(async { channel(address) }).expect("an address");
        Self { child, channel }
    }

    /// In seconds.
    fn cpu(&self) -> f64 {
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = self.proc("stat");
        let after_name = stat.rsplit(')').next().expect("fields");
        let field = |place: usize| -> f64 {
            after_name.split_whitespace().nth(place).and_then(|n| n.parse().ok()).expect("a number")
        };
        // utime and stime, fields 14 and 15 of all.
        (field(11) + field(12)) / TICKS_PER_SECOND
    }

    /// `VmRSS` or `VmHWM`, in MiB.
    fn memory(&self, name: &str) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with(name)).expect(name);
        let kib = line.split_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok());
        kib.expect("a number") / 1024.0
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(path).expect("Linux")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends with this process in any case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Events as a file source makes them. The words make some 300 templates; the numbers vary, and with
/// `hex` the letters of an id.
fn requests(hex: bool) -> Vec<Bytes> {
    const SUBJECTS: [&str; 15] = [
        "worker",
        "session",
        "order",
        "invoice",
        "backup",
        "replica",
        "queue",
        "upload",
        "request",
        "connection",
        "volume",
        "job",
        "snapshot",
        "lease",
        "token",
    ];
    const VERBS: [&str; 20] = [
        "started",
        "finished",
        "failed",
        "was created",
        "was deleted",
        "timed out",
        "retried",
        "was accepted",
        "was rejected",
        "expired",
        "moved",
        "is waiting",
        "reconnected",
        "was closed",
        "is slow",
        "was restored",
        "was skipped",
        "was renewed",
        "is full",
        "recovered",
    ];
    let event = |number: usize| -> EventWrapper {
        let (subject, verb) = (SUBJECTS[number % 15], VERBS[number / 15 % 20]);
        let (a, b) = (number * 7919 % 65_536, number * 104_729 % 256);
        let id = if hex { format!("{a:04x}-{b:02x}") } else { format!("{a:05}-{b:03}") };
        let message = format!(
            "2026-11-20T07:03:11.118Z {subject} {a} {verb} after {b} ms on 10.0.{}.{b} user=u{a} \
             id=4f{id} attempt={} of 5",
            b / 2,
            b % 5
        );
        let text = |text: &str| Value::from(Kind::RawBytes(text.as_bytes().to_vec()));
        let time = Timestamp { seconds: 1_795_157_011, nanos: 118_000_000 };
        let fields = [
            ("file", text("/var/log/app/app.log")),
            ("host", text("web-01.example.com")),
            ("message", text(&message)),
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
fn send(runtime: &Runtime, to: &Process, requests: &[Bytes], count: usize) {
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
    let bare = Process::start(&runtime, downstream.address(), &["--bare"]);
    let labelling = Process::start(&runtime, downstream.address(), &[]);
    let both = [&bare, &labelling];
    let mut spent = [0.0; 2];
    for round in 0..=ROUNDS {
        for (process, spent) in both.iter().zip(&mut spent) {
            let before = process.cpu();
            send(&runtime, process, requests, ROUND);
            // The first round warms up.
            if round > 0 {
                *spent += process.cpu() - before;
            }
        }
    }
    let bytes: usize = requests.iter().map(Bytes::len).sum();
    let events = (ROUND * ROUNDS * BATCH) as f64;
    println!("\n{name}: requests of {BATCH} events of {} bytes", bytes / requests.len() / BATCH);
    for (what, process, spent) in
        [("forwarding", both[0], spent[0]), ("labelling", both[1], spent[1])]
    {
        println!(
            "{what:<12} {:>6.2} µs of CPU per event {:>9.0} events/s per core {:>6.1} MiB (at most {:.1})",
            spent / events * 1e6,
            events / spent,
            process.memory("VmRSS"),
            process.memory("VmHWM"),
        );
    }
    println!("labelling costs {:.2} × forwarding", spent[1] / spent[0]);
}

fn main() {
    measure("numbers vary", &requests(false));
    measure("hexadecimal ids vary", &requests(true));
}
