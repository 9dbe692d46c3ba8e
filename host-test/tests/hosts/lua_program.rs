//! The Lua module in a program that is not ours, and its file.

use std::path::Path;
use std::process::{Command, Output};

use host_test::guest;

use crate::fixture::Fixture;

fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{program}: {error}; ./test installs what is missing"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn debians_lua_runs_the_module_and_a_panic_is_told_once() {
    let fixture = Fixture::new("fields = [\"rule\"]\n");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/lua_program.lua");
    let config = fixture.path().join("logtriage.toml");
    let module = guest::panicking_lua_module();
    let output = run("lua5.4", &[script.as_os_str(), module.as_os_str(), config.as_os_str()]);
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(text(&output.stdout), "done\n");
    let panics: Vec<_> = stderr.lines().filter(|line| line.contains("panic")).collect();
    assert_eq!(panics.len(), 1, "{stderr}");
    assert!(panics[0].starts_with("[logtriage] "), "{stderr}");
    assert!(panics[0].contains("as was asked for") && panics[0].contains(".rs:"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_file_shows_one_symbol_and_stays_where_it_was_loaded() {
    let module = guest::lua_module().as_os_str();
    let symbols = text(&run("nm", &["-D".as_ref(), "--defined-only".as_ref(), module]).stdout);
    let symbols: Vec<_> = symbols.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(symbols, ["luaopen_logtriage"]);
    let flags = text(&run("readelf", &["-d".as_ref(), module]).stdout);
    assert!(flags.contains("NODELETE"), "{flags}");
}
