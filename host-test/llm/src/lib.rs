//! A scripted OpenAI-compatible server: real HTTP over a real socket, with every fault a server may
//! have. Each request takes the next step of the script; the last step stays.

mod http;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

pub use http::Received;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Step {
    /// Answers with the label of [`Server::start`]'s judge for every template.
    Right,
    /// The same, but after so long.
    Slow(Duration),
    /// The same, but not before so many requests were under way at once.
    Together(usize),
    /// The content of the answer, as given; `{ids}` is left to [`Step::Entries`].
    Content(String),
    /// Entries in the form `{"id":…,"label":…,"reason":…}`, one for each template, of which the id
    /// is filled in.
    Entries(Value),
    /// Right, but with prose and a code fence around it.
    Prose,
    /// Right for the first template alone.
    FirstOnly,
    /// Right, but cut in the middle, as at the greatest length of an answer.
    Cut,
    /// A status with headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Right where the body does not hold this text, else status 400.
    RefusesText(&'static str),
    /// Right where the request asks for none of these, else status 400 with the name of the first.
    RefusesKeys(&'static [&'static str]),
    /// Nothing, until the client goes away.
    Hang,
    /// A byte now and then, for ever.
    Drip,
    /// The first half of the body.
    CloseMidBody,
    /// A body of so many bytes.
    Huge(usize),
    /// Right, in gzip.
    Gzip,
    /// Right, and says that the connection stays open, but closes it.
    KeepAliveThenClose,
    /// Something that is not HTTP.
    NotHttp,
}

/// Says which label, and why, a template gets.
pub type Judge = fn(&str) -> (String, String);

/// A running server; it stops with the process.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    script: Vec<Step>,
    received: Vec<Received>,
    judge: Judge,
    /// Requests that wait for company, and the most at one time.
    running: usize,
    most: usize,
}

impl Server {
    /// Starts a server on a free port of this machine.
    ///
    /// # Panics
    /// Where there is no free port.
    pub fn start(script: impl IntoIterator<Item = Step>, judge: Judge) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let script = script.into_iter().collect();
        let shared = Arc::new(Mutex::new(Shared {
            script,
            received: Vec::new(),
            judge,
            running: 0,
            most: 0,
        }));
        let server = Self { address, shared };
        let shared = Arc::clone(&server.shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &shared));
            }
        });
        server
    }

    /// What goes into `base_url`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared).received.clone()
    }

    /// The most requests that [`Step::Together`] answered at one time.
    pub fn most_at_once(&self) -> usize {
        lock(&self.shared).most
    }

    /// The templates that were asked about so far, in order, as often as they were.
    pub fn asked(&self) -> Vec<String> {
        self.received().iter().flat_map(Received::templates).map(|(_, template)| template).collect()
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request of one connection. A client that went away is no fault of the server.
fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) {
    let Some(received) = http::receive(&mut stream) else { return };
    let (step, judge) = {
        let mut shared = lock(shared);
        shared.received.push(received.clone());
        let step = if shared.script.len() > 1 {
            shared.script.remove(0)
        } else {
            shared.script.first().cloned().unwrap_or(Step::Right)
        };
        (step, shared.judge)
    };
    if let Step::Together(count) = step {
        wait_for_company(shared, count);
    }
    let _ = act(&step, &received, judge, &mut stream);
}

/// Waits until `count` requests have waited here at once, and then long enough for one more to
/// come, if one does. It is over before the answer goes out: the next request may come as soon as
/// that is there.
fn wait_for_company(shared: &Mutex<Shared>, count: usize) {
    {
        let mut shared = lock(shared);
        shared.running += 1;
        shared.most = shared.most.max(shared.running);
    }
    while lock(shared).most < count {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(100));
    lock(shared).running -= 1;
}

fn act(
    step: &Step,
    received: &Received,
    judge: Judge,
    stream: &mut TcpStream,
) -> std::io::Result<()> {
    let right = || completion(&verdicts(&received.templates(), judge), "stop");
    match step {
        Step::Right | Step::Together(_) => http::respond(stream, 200, &[], right().as_bytes()),
        Step::Slow(wait) => {
            thread::sleep(*wait);
            http::respond(stream, 200, &[], right().as_bytes())
        }
        Step::Content(content) => {
            http::respond(stream, 200, &[], completion(content, "stop").as_bytes())
        }
        Step::Entries(entry) => {
            let entries: Vec<Value> = received
                .templates()
                .into_iter()
                .map(|(id, _)| {
                    let mut entry = entry.clone();
                    entry["id"] = json!(id);
                    entry
                })
                .collect();
            let content = json!({"verdicts": entries}).to_string();
            http::respond(stream, 200, &[], completion(&content, "stop").as_bytes())
        }
        Step::Prose => {
            let content = verdicts(&received.templates(), judge);
            let content = format!("Gladly! {{these}} are mine:\n```json\n{content}\n```\nRight?");
            http::respond(stream, 200, &[], completion(&content, "stop").as_bytes())
        }
        Step::FirstOnly => {
            let content = verdicts(&received.templates()[..1], judge);
            http::respond(stream, 200, &[], completion(&content, "stop").as_bytes())
        }
        Step::Cut => {
            let content = verdicts(&received.templates(), judge);
            let cut = content.get(..content.len() / 2).unwrap_or_default();
            http::respond(stream, 200, &[], completion(cut, "length").as_bytes())
        }
        Step::Status(status, headers, body) => {
            http::respond(stream, *status, headers, body.as_bytes())
        }
        Step::RefusesText(text) if received.body.contains(text) => refuse(stream, "not this"),
        Step::RefusesText(_) => http::respond(stream, 200, &[], right().as_bytes()),
        Step::RefusesKeys(keys) => {
            let refused = keys.iter().find(|key| received.body.contains(**key));
            match refused {
                Some(key) => refuse(stream, &format!("'{key}' is not supported")),
                None => http::respond(stream, 200, &[], right().as_bytes()),
            }
        }
        Step::Hang => http::wait_for_close(stream),
        Step::Drip => http::drip(stream),
        Step::CloseMidBody => http::respond_half(stream, right().as_bytes()),
        Step::Huge(length) => http::respond_huge(stream, *length),
        Step::Gzip => {
            let headers = [("content-encoding", "gzip".to_owned())];
            http::respond(stream, 200, &headers, &http::gzip(right().as_bytes()))
        }
        Step::KeepAliveThenClose => {
            let headers = [("connection", "keep-alive".to_owned())];
            http::respond(stream, 200, &headers, right().as_bytes())
        }
        Step::NotHttp => std::io::Write::write_all(stream, b"220 mail.example ESMTP\r\n"),
    }
}

fn refuse(stream: &mut TcpStream, message: &str) -> std::io::Result<()> {
    let body = json!({"error": {"message": message, "type": "invalid_request_error"}}).to_string();
    http::respond(stream, 400, &[], body.as_bytes())
}

fn verdicts(templates: &[(String, String)], judge: Judge) -> String {
    let verdict = |(id, template): &(String, String)| {
        let (label, reason) = judge(template);
        json!({"id": id, "label": label, "reason": reason})
    };
    json!({"verdicts": templates.iter().map(verdict).collect::<Vec<_>>()}).to_string()
}

/// A chat completion with this content.
fn completion(content: &str, finish: &str) -> String {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": content},
            "finish_reason": finish,
        }],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    })
    .to_string()
}
