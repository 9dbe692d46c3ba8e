//! An answer goes upstream when downstream has given it, and as it has given it; whatever else
//! happens, the upstream is told to try again.

use std::sync::Arc;

use host_test::sidecar::events::field;
use host_test::sidecar::{Downstream, Manner, Sidecar, options, push};
use logtriage_sidecar::Stopped;
use tokio::sync::Notify;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// A request with one log.
pub(crate) fn request(message: &[u8]) -> Vec<u8> {
    let entry = [field(1, b"message"), field(2, &field(1, message))].concat();
    field(1, &field(1, &field(1, &entry)))
}

struct Ends {
    sidecar: Sidecar,
    channel: Channel,
    downstream: Downstream,
}

impl Ends {
    fn start() -> Self {
        let downstream = Downstream::start().expect("starts");
        let sidecar = Sidecar::start(None, &options(downstream.address())).expect("starts");
        let channel = sidecar.run(async { sidecar.channel() }).expect("an address");
        Self { sidecar, channel, downstream }
    }

    fn push(&self, message: &[u8]) -> Result<(), Status> {
        self.sidecar.run(push(&self.channel, request(message))).map(drop)
    }

    /// Pushes while the test goes on.
    fn push_aside(&self, message: Vec<u8>) -> tokio::task::JoinHandle<Result<(), Status>> {
        let channel = self.channel.clone();
        self.sidecar.spawn(async move { push(&channel, request(&message)).await.map(drop) })
    }

    fn wait_until(&self, condition: impl Fn(&Downstream) -> bool) {
        while !condition(&self.downstream) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

#[test]
fn a_status_comes_back_as_it_was_given() {
    let ends = Ends::start();
    for code in (1..=16).map(Code::from) {
        let details = bytes::Bytes::from(vec![0x08, code as u8, 0xff]);
        let status = Status::with_details(code, format!("because of {code:?}: é"), details.clone());
        ends.downstream.be(Manner::Refuse(status));
        let answer = ends.push(b"job 7 failed").expect_err("refused");
        assert_eq!(answer.code(), code);
        assert_eq!(answer.message(), format!("because of {code:?}: é"));
        assert_eq!(answer.details(), details);
    }
    ends.downstream.be(Manner::Accept);
    ends.push(b"job 7 failed").expect("accepted");
    let metrics = ends.sidecar.metrics();
    for line in ["requests_total{code=\"DATA_LOSS\"} 1", "requests_total{code=\"OK\"} 1"] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[test]
fn a_downstream_that_is_away_is_told_as_unavailable() {
    let mut ends = Ends::start();
    ends.push(b"before").expect("accepted");
    for _ in 0..3 {
        ends.downstream.die();
        for _ in 0..3 {
            assert_eq!(ends.push(b"lost").expect_err("nobody there").code(), Code::Unavailable);
        }
        ends.downstream.restart().expect("restarts");
        // The connection that is gone may be found out only now.
        let again = (0..3).find_map(|_| ends.push(b"after").ok());
        again.expect("accepted again");
    }
    let accepted = ends.downstream.received().iter().filter(|r| r.is_accepted).count();
    assert_eq!(accepted, 4);
}

#[test]
fn a_downstream_that_dies_in_the_middle_is_told_as_unavailable() {
    let mut ends = Ends::start();
    ends.downstream.be(Manner::Hang);
    let calls: Vec<_> = (0..5).map(|n| ends.push_aside(format!("job {n}").into_bytes())).collect();
    ends.wait_until(|downstream| downstream.received().len() == 5);
    ends.downstream.die();
    for call in calls {
        let answer = ends.sidecar.run(call).expect("no panic");
        assert_eq!(answer.expect_err("died").code(), Code::Unavailable);
    }
}

/// The upstream's own time limit ends a call that hangs, and the others do not wait for it.
#[test]
fn one_that_hangs_holds_up_nobody() {
    let ends = Ends::start();
    ends.downstream.be(Manner::Hang);
    let calls: Vec<_> = (0..50).map(|_| ends.push_aside(b"hangs".to_vec())).collect();
    ends.wait_until(|downstream| downstream.received().len() == 50);
    ends.downstream.be(Manner::Accept);
    ends.push(b"passes").expect("accepted");
    for call in &calls {
        assert!(!call.is_finished());
        call.abort();
    }
    while !ends.sidecar.metrics().contains("requests_in_flight 0") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// 200 requests of 1 MiB that nobody answers: what is not received yet waits at the upstream.
#[test]
fn what_waits_is_bounded() {
    let ends = Ends::start();
    ends.downstream.be(Manner::Hang);
    let message = vec![b'x'; 1 << 20];
    let calls: Vec<_> = (0..200).map(|_| ends.push_aside(message.clone())).collect();
    ends.wait_until(|downstream| downstream.received().len() == 31);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(ends.downstream.received().len(), 31, "32 MiB hold 31 requests and their labels");
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    ends.downstream.be(Manner::Accept);
    ends.push(&message).expect("accepted");
}

#[test]
fn a_stop_lets_end_what_is_under_way() {
    let mut ends = Ends::start();
    let told = Arc::new(Notify::new());
    ends.downstream.be(Manner::Wait(Arc::clone(&told)));
    let call = ends.push_aside(b"under way".to_vec());
    ends.wait_until(|downstream| downstream.received().len() == 1);
    ends.sidecar.stop();
    let fresh = ends.sidecar.run(async {
        loop {
            let stream = tokio::net::TcpStream::connect(ends.sidecar.address()).await;
            if stream.is_err() {
                break stream;
            }
            tokio::task::yield_now().await;
        }
    });
    assert!(fresh.is_err(), "nobody new is let in");
    assert!(!call.is_finished());
    told.notify_one();
    ends.sidecar.run(call).expect("no panic").expect("answered");
    assert_eq!(ends.sidecar.wait().expect("ended"), Stopped::Drained);
}
