//! A sidecar in a process of its own, which can be killed and measured.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::Failure;
use crate::command::Running;

/// A running sidecar. Dropped, it is killed by SIGKILL, which nothing can catch.
pub struct Process {
    running: Running,
    address: SocketAddr,
}

impl Process {
    /// Starts `program`, this package's `sidecar`, with `arguments` behind where to forward to, and
    /// waits until it listens.
    ///
    /// # Errors
    /// It cannot be run, or does not say where it listens.
    pub fn start(program: &str, forward: SocketAddr, arguments: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command.arg(forward.to_string()).args(arguments).stdout(Stdio::piped());
        let mut running = Running(command.spawn()?);
        let mut line = String::new();
        let output = running.0.stdout.take().ok_or("no output")?;
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self { running, address: line.trim().parse()? })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.running.0.id()
    }
}
