//! Logtriage as a Lua 5.4 module, for Vector's `lua` transform.
//!
//! ```lua
//! package.cpath = "/usr/lib/logtriage/?-0.1.0.so;" .. package.cpath
//! local labeller = require("logtriage").new { config = "/etc/logtriage/logtriage.toml" }
//!
//! function process(event, emit)
//!   labeller:annotate(event)
//!   emit(event)
//! end
//! ```
//!
//! `new` takes two options, both optional: `config`, the path of a `logtriage.toml` (without it:
//! the built-in rules and model), and `shared`. Labellers of one config in one process share an
//! engine unless one says `shared = false`. What is wrong with a config `new` raises as an error,
//! so that Vector does not start.
//!
//! `annotate` puts one table into `event.log`, under the config's `output_key`, and gives the event
//! back. It raises nothing, whatever it is given: an event without a `log` table (a metric) passes,
//! and what goes wrong is reported on standard error, at most once a minute, while events pass.
//!
//! ```text
//! module     what Lua calls: new, annotate, the end of a labeller              unsafe
//! lua        what we call of Lua; tables as the labeller reads them            unsafe
//! put        our table goes into the event                                     unsafe
//! labeller   message and source are found, the engine is asked
//! answer     what it says, as members of our table
//! names      the strings that this takes
//! shared     engines, and who shares one
//! panics     what becomes of one
//! ```

mod answer;
mod labeller;
mod lua;
mod module;
mod names;
mod panics;
mod put;
mod shared;
