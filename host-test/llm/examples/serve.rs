//! Serves right answers until it is stopped, to measure what asking costs.

use std::time::Duration;

use scripted_llm::{Server, Step};

fn main() {
    let judge = |_: &str| ("System Notification".to_owned(), "routine of a system".to_owned());
    let server = Server::start([Step::Right], judge);
    println!("{}", server.base_url());
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
