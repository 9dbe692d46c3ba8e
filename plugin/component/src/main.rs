//! `logtriage-component MODULE COMPONENT`: reads the one file, writes the other.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [module, component] = arguments.as_slice() else {
        eprintln!("usage: logtriage-component MODULE COMPONENT");
        return ExitCode::from(2);
    };
    let bytes = std::fs::read(module).map_err(|e| format!("{}: {e}", module.display()));
    let written = bytes.and_then(|bytes| logtriage_component::encode(&bytes)).and_then(|bytes| {
        std::fs::write(component, bytes).map_err(|e| format!("{}: {e}", component.display()))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("logtriage-component: {problem}");
            ExitCode::FAILURE
        }
    }
}
