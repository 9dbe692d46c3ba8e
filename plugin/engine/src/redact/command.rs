//! Passwords on command lines: `mysql -u root -phunter2`, `sshpass -p hunter2`.

use super::names::{is_mixed, value};
use super::{byte, part};

/// Commands, or what their names begin with, and the option behind which their password stands.
const COMMANDS: [(&str, &str); 7] = [
    ("mysql", "-p"),
    ("mariadb", "-p"),
    ("mongo", "-p"),
    ("sshpass", "-p"),
    ("redis-cli", "-a"),
    ("ldap", "-w"),
    ("sqlcmd", "-P"),
];

/// The same, of names that other names begin with.
const WORDS: [(&str, &str); 4] = [("login", "-p"), ("7z", "-p"), ("zip", "-P"), ("unzip", "-P")];

/// What was seen of a command line.
#[derive(Clone, Copy, Default)]
pub(super) struct CommandLine {
    /// The option of the command behind which a password stands.
    option: Option<&'static str>,
    /// A user is named, so that `-p` may well be a password, whatever the command.
    names_user: bool,
}

impl CommandLine {
    /// Takes the token `text[start..end]`, and says where the password stands that it holds or that
    /// stands behind it.
    pub(super) fn password(
        &mut self,
        text: &str,
        start: usize,
        end: usize,
    ) -> Option<(usize, usize)> {
        let token = part(text, start, end);
        if !token.starts_with('-') {
            self.option = option_of(token).or(self.option);
            return None;
        }
        if matches!(token, "-u" | "-uroot" | "--user") {
            self.names_user = true;
            return None;
        }
        let option = self.option.or(self.names_user.then_some("-p"))?;
        let glued = token.strip_prefix(option)?;
        // Another `-p` may be anything: `sshpass -p hunter2 ssh -p 22`.
        let is_known = self.option.take().is_some();
        let is_alone = glued.is_empty() && byte(text, end) != b'<';
        let from = if is_alone { behind_marks(text, end) } else { start + option.len() };
        let (from, to) = value(text, from)?;
        let found = part(text, from, to);
        let is_secret = match (is_known, is_alone) {
            (true, true) => !found.starts_with('-'),
            (true, false) => true,
            // A number is a port or a process.
            (false, true) => is_mixed(found),
            (false, false) => !found.bytes().all(|b| b.is_ascii_digit() || b == b':'),
        };
        is_secret.then_some((from, to))
    }
}

/// The option for passwords of the command that a token names, with its directory or without.
fn option_of(token: &str) -> Option<&'static str> {
    let name = token.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let begins = COMMANDS.iter().find(|(command, _)| name.starts_with(command));
    let is = || WORDS.iter().find(|(command, _)| name == *command);
    begins.or_else(is).map(|(_, option)| *option)
}

/// Behind what separates the texts of a list: `["sshpass", "-p", "hunter2"]`.
fn behind_marks(text: &str, end: usize) -> usize {
    let quote = byte(text, end);
    let is_list = matches!(quote, b'"' | b'\'') && byte(text, end + 1) == b',';
    if is_list { end + 2 } else { end }
}
