//! The Lua module: the same outcomes as the engine's, and events that keep everything else.

use std::collections::BTreeMap;
use std::path::Path;

use host_test::lua::{Lua, Value, labeller};
use host_test::{Host, Kind, guest, records};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::fixture::{
    Fixture, NO_LIMIT, OWN_RULES, VERBOSE, kept, new_words, record, shown, start, verdict,
};
use crate::support;

fn lua(directory: Option<&Path>) -> Lua {
    Lua::start(directory).unwrap_or_else(|error| panic!("{error}"))
}

/// The records of the corpus that are events to Vector.
fn logs() -> Vec<Value> {
    let logs: Vec<_> = records::all().iter().filter_map(|record| Value::log(record)).collect();
    assert!(logs.len() > 150, "{} records", logs.len());
    logs
}

fn object(value: &mut Value) -> &mut BTreeMap<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other:?} is no object"),
    }
}

fn bytes(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

/// What a transform emits of a log: one.
fn labelled(lua: &mut Lua, log: &Value) -> Value {
    let mut emitted = lua.process(log.clone()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(emitted.len(), 1, "{}", shown(log.json().to_string().as_bytes()));
    emitted.remove(0)
}

/// Our table in a log.
fn triage(log: &Value) -> serde_json::Value {
    log.json()["triage"].clone()
}

fn label(lua: &mut Lua, message: &str) -> serde_json::Value {
    let log = Value::Object([("message".to_owned(), bytes(message))].into());
    triage(&labelled(lua, &log))["label"].clone()
}

/// What the engine says of the event, which it gets as JSON.
fn expected(native: &mut dyn Host, log: &Value) -> serde_json::Value {
    let out = kept(native, log.json().to_string().as_bytes());
    let mut triage =
        serde_json::from_slice::<serde_json::Value>(&out).expect("JSON")["triage"].take();
    floats(&mut triage);
    triage
}

/// JSON prints the confidences 0 and 1 as integers; in Lua they are floats like the others.
fn floats(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Number(number) => *value = number.as_f64().into(),
        serde_json::Value::Array(items) => items.iter_mut().for_each(floats),
        serde_json::Value::Object(members) => members.values_mut().for_each(floats),
        _ => {}
    }
}

/// Takes our key out, and one `_input` from each key of its family.
fn undo(mut log: Value) -> Value {
    let members = object(&mut log);
    members.remove("triage");
    let moved = std::mem::take(members).into_iter().map(|(key, value)| {
        let depth = key.strip_prefix("triage").map(|rest| rest.replace("_input", ""));
        let ours = depth.is_some_and(|rest| rest.is_empty());
        let key = if ours { key.strip_suffix("_input").expect("moved").to_owned() } else { key };
        (key, value)
    });
    *members = moved.collect();
    log
}

#[test]
fn outcomes_are_the_engines() {
    let fixture = Fixture::with_verdicts(VERBOSE);
    for directory in [None, Some(fixture.path())] {
        let (mut lua, mut native) = (lua(directory), start(Kind::Native, directory));
        for log in logs() {
            let expected = expected(&mut *native, &log);
            let out = labelled(&mut lua, &log);
            assert_eq!(triage(&out), expected, "{}", shown(log.json().to_string().as_bytes()));
        }
    }
}

#[test]
fn everything_else_stays() {
    let mut lua = lua(None);
    for log in logs() {
        let out = labelled(&mut lua, &log);
        assert!(undo(out) == log, "{}", shown(log.json().to_string().as_bytes()));
    }
}

#[test]
fn labelling_twice_changes_nothing() {
    let fixture = Fixture::with_verdicts(VERBOSE);
    let mut lua = lua(Some(fixture.path()));
    for log in logs() {
        let once = labelled(&mut lua, &log);
        assert!(labelled(&mut lua, &once) == once, "{}", shown(log.json().to_string().as_bytes()));
    }
}

/// Values as Vector has them; keys that matter are frequent.
fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        records::message(),
        prop::sample::select(vec!["", "triage", "Failed password for root", "\0", "\u{e9}"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let leaf = prop_oneof![
        4 => text.prop_map(Value::Bytes),
        1 => any::<i64>().prop_map(Value::Integer),
        1 => (-1e18..1e18).prop_map(Value::Float),
        1 => prop::sample::select(vec![0.0, -0.0, 1.0, 1e15, 1e16, 1e17, 1e300, 1e-7, f64::MIN])
            .prop_map(Value::Float),
        1 => any::<bool>().prop_map(Value::Boolean),
        1 => Just(Value::Timestamp([2026, 11, 20, 7, 3, 31, 118_200])),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Value::Array),
            prop::collection::btree_map(any_key(), inner, 0..5).prop_map(Value::Object),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    let known = vec![
        "message",
        "log",
        "msg",
        "source",
        "service",
        "kubernetes",
        "container_name",
        "a",
        "a.b",
        "b",
        "b.c",
        "c",
        "kubernetes.container_name",
        "triage",
        "triage_input",
        "triage_input_input",
        "triage_inputs",
        "label",
        "tier",
        "",
        "1",
    ];
    prop_oneof![9 => prop::sample::select(known).prop_map(str::to_owned), 1 => "\\PC{0,4}"]
}

fn any_log() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(any_key(), any_value(), 0..8).prop_map(Value::Object)
}

const DOTTED: &str = r#"
message_keys = ["message", "a.b.c", "log", "msg"]
source_keys = ["source", "kubernetes.container_name", "a.b"]
"#;

#[test]
fn any_event_has_the_engines_outcome_and_keeps_the_rest() {
    for more in ["", DOTTED] {
        let fixture = Fixture::with_verdicts(&format!("{VERBOSE}{more}"));
        let directory = Some(fixture.path());
        let hosts = std::cell::RefCell::new((lua(directory), start(Kind::Native, directory)));
        let result = TestRunner::new(support::config(400)).run(&any_log(), |log| {
            let (lua, native) = &mut *hosts.borrow_mut();
            let out = labelled(lua, &log);
            // JSON cannot say what bytes that are not UTF-8 are: see the next test.
            if is_utf8(&log) {
                prop_assert_eq!(triage(&out), expected(&mut **native, &log));
            }
            prop_assert_eq!(labelled(lua, &out), out.clone());
            prop_assert_eq!(undo(out), log);
            Ok(())
        });
        result.unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// Timestamps are strings as JSON, tables in Lua.
fn is_utf8(value: &Value) -> bool {
    match value {
        Value::Bytes(bytes) => str::from_utf8(bytes).is_ok(),
        Value::Object(members) => members.values().all(is_utf8),
        Value::Array(items) => items.iter().all(is_utf8),
        Value::Timestamp(_) => false,
        _ => true,
    }
}

#[test]
fn messages_that_are_not_utf8_have_the_engines_outcome() {
    let fixture = Fixture::with_verdicts(VERBOSE);
    let directory = Some(fixture.path());
    let hosts = std::cell::RefCell::new((lua(directory), start(Kind::Native, directory)));
    let result = TestRunner::new(support::config(400)).run(&records::message(), |message| {
        let (lua, native) = &mut *hosts.borrow_mut();
        let log = Value::Object([("log".to_owned(), Value::Bytes(message.clone()))].into());
        // The record has the bytes themselves.
        let quoted = message.iter().flat_map(|byte| match byte {
            b'"' | b'\\' => vec![b'\\', *byte],
            0..0x20 => format!("\\u{byte:04x}").into_bytes(),
            _ => vec![*byte],
        });
        let record: Vec<u8> = b"{\"log\":\"".iter().copied().chain(quoted).chain(*b"\"}").collect();
        let out = kept(&mut **native, &record);
        let end = out.len() - 1;
        let from = memchr::memmem::find(&out, b"\"triage\":").expect("labelled") + 9;
        let mut expected: serde_json::Value =
            serde_json::from_slice(&out[from..end]).expect("our object is ASCII");
        floats(&mut expected);
        prop_assert_eq!(triage(&labelled(lua, &log)), expected);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Which of a log's fields is the message.
#[test]
fn the_message_is_found_as_in_a_record() {
    let fixture = Fixture::new(&format!(
        "{NO_LIMIT}fields = [\"template\"]\nmessage_keys = [\"a.b\", \"n\", \"message\"]\n"
    ));
    let mut lua = lua(Some(fixture.path()));
    let cases = [
        (r#"{["a.b"] = "literal", a = {b = "nested"}}"#, "literal"),
        (r#"{a = {b = "nested"}, message = "last"}"#, "nested"),
        (r#"{a = {b = {}}, message = "last"}"#, "last"),
        (r#"{a = "no table", message = "last"}"#, "last"),
        (r#"{a = {}, n = {1, 2}, message = "last"}"#, "last"),
        ("{n = true}", "true"),
        ("{n = false}", "false"),
        // A table's own fields alone, whatever a metatable says.
        (r#"setmetatable({message = "last"}, {__index = function() error("no") end})"#, "last"),
        // Not numbers as JSON has them: skipped, like null.
        (r#"{n = 0/0, message = "last"}"#, "last"),
        (r#"{n = math.huge, message = "last"}"#, "last"),
        (r#"{n = print, message = "last"}"#, "last"),
    ];
    for (log, template) in cases {
        assert_eq!(said_of(&mut lua, log, "template"), template, "{log}");
    }
    // Numbers are masked, so that only their form tells: what follows `=` is one value.
    for (log, same_as) in [("{n = 7}", "7"), ("{n = 7.0}", "7.0"), ("{n = -0.5}", "-0.5")] {
        let text = format!("{{message = '{same_as}'}}");
        let (number, text) =
            (said_of(&mut lua, log, "template_id"), said_of(&mut lua, &text, "template_id"));
        assert_eq!(number, text, "{log}");
    }
    assert_eq!(said_of(&mut lua, "{other = 1}", "tier"), "none");
    assert_eq!(said_of(&mut lua, "{other = 1}", "template_id"), "nil");
}

/// A member of our table in a log that is written in Lua.
fn said_of(lua: &mut Lua, log: &str, member: &str) -> String {
    let code = format!(
        "local event = {{log = {log}}}
         assert(rawequal(labeller:annotate(event), event))
         return tostring(rawget(event.log, 'triage').{member})"
    );
    lua.lua().load(code).eval().unwrap_or_else(|error| panic!("{log}: {error}"))
}

#[test]
fn our_key_is_the_configs_and_an_upstream_may_be_trusted() {
    let fixture = Fixture::new("output_key = \"a.b\"\non_existing = \"keep\"\n");
    let mut lua = lua(Some(fixture.path()));
    let run = |code: &str| lua.lua().load(code).eval::<bool>().expect(code);
    assert!(run(
        "local e = {log = {message = 'x'}}; labeller:annotate(e); return e.log['a.b'].tier ~= nil"
    ));
    assert!(run("local e = {log = {['a.b'] = 7}}; labeller:annotate(e); return e.log['a.b'] == 7"));
    assert_eq!(label_count(&mut lua), 0);
}

/// How many fields an event has that the labeller added nothing to.
fn label_count(lua: &mut Lua) -> i64 {
    lua.lua()
        .load(
            "local e, n = {log = {['a.b'] = 7}}, -1
             labeller:annotate(e)
             for _ in pairs(e.log) do n = n + 1 end
             return n",
        )
        .eval()
        .expect("counts")
}

#[test]
fn nothing_that_it_is_given_raises() {
    let mut lua = lua(None);
    let arguments = [
        "",
        "nil",
        "1",
        "'text'",
        "{}",
        "print",
        "labeller",
        "{log = 1}",
        "{log = print}",
        "{metric = {name = 'a', kind = 'incremental'}}",
        "{log = {}}",
        "{log = setmetatable({}, \
         {__newindex = function() error('no') end, __index = function() error('no') end})}",
        "setmetatable({}, {__index = function() error('no') end})",
        "coroutine.create(print)",
        "{log = {[1] = 2, [2.5] = 3, [true] = 4, [print] = 5, message = 'x'}}",
        "{log = {message = ('x'):rep(3000000)}}",
    ];
    for argument in arguments {
        for call in ["labeller:annotate(ARGUMENT)", "labeller.annotate(ARGUMENT)"] {
            let code = call.replace("ARGUMENT", argument);
            lua.lua().load(&code).exec().unwrap_or_else(|error| panic!("{code}: {error}"));
        }
    }
    let given_back =
        "local e = {metric = {}}; return labeller:annotate(e) == e and next(e) == 'metric'";
    assert!(lua.lua().load(given_back).eval::<bool>().expect("runs"));
    assert_eq!(
        label(&mut lua, "Failed password for root from 203.0.113.7 port 1 ssh2"),
        "Security Alert"
    );
}

#[test]
fn what_is_wrong_with_a_config_is_raised_where_it_is_made() {
    let fixture = Fixture::new("no_such_key = 1\n");
    let path = fixture.path().join("logtriage.toml");
    let with = |config: &str| {
        std::fs::write(&path, config).expect("written");
        format!("config = {path:?}")
    };
    let cases = [
        (with("\nno_such_key = 1\n"), vec!["logtriage.toml:2:1", "no_such_key"]),
        ("config = '/no/such/file.toml'".to_owned(), vec!["/no/such/file.toml"]),
        ("confi = 1".to_owned(), vec!["confi", "config or shared"]),
        ("config = 7".to_owned(), vec!["config", "path"]),
        ("config = ''".to_owned(), vec!["config", "path"]),
        ("config = '\\xff'".to_owned(), vec!["config", "path"]),
        ("shared = 1".to_owned(), vec!["shared", "true or false"]),
        ("'/etc/logtriage.toml'".to_owned(), vec!["config"]),
    ];
    for (options, named) in cases {
        if options.contains("logtriage.toml\"") {
            with("\nno_such_key = 1\n");
        }
        refused(&options, &named);
    }
    refused(&with("rules = [\"none.toml\"]"), &["none.toml"]);
    refused(&with("model = \"none\""), &["none"]);
    refused(&with("[thresholds]\nNonsense = 0.5"), &["logtriage.toml:2:1", "Nonsense"]);
}

/// Vector would not start with these options, and would say so.
fn refused(options: &str, named: &[&str]) {
    let started = Lua::load(guest::lua_module(), &labeller(options), "function() end");
    let Err(error) = started else { panic!("{options}: accepted") };
    let error = error.to_string();
    assert!(error.contains("logtriage: "), "{options}: {error}");
    for name in named {
        assert!(error.contains(name), "{options}: {error}");
    }
}

/// Whatever Lua cannot allocate: the event is as it was or labelled, nothing is raised, and the
/// next one is labelled.
#[test]
fn memory_that_runs_out_costs_a_label_at_most() {
    let fixture = Fixture::new(VERBOSE);
    let mut lua = lua(Some(fixture.path()));
    let forged = serde_json::json!({
        "message": "qwghlm zxcvb", "triage": 1, "triage_input": [2], "triage_input_input_input": 3,
        "a": 1, "b": 2, "c": 3, "d": 4,
    });
    let plain =
        serde_json::json!({ "message": "Failed password for root from 10.0.0.1 port 2 ssh2" });
    for log in [plain, forged] {
        let log = Value::from(log);
        let whole = labelled(&mut lua, &log);
        let (mut passed, mut done) = (0, 0);
        for room in (0..3000).step_by(8) {
            let event = lua.lua().create_table().expect("memory");
            event.raw_set("log", log.clone()).expect("memory");
            let annotate: mlua::Function =
                lua.lua().load("function(e) labeller:annotate(e) end").eval().expect("Lua");
            lua.lua().gc_collect().expect("collects");
            lua.lua().gc_stop();
            lua.lua().set_memory_limit(lua.lua().used_memory() + room).expect("has limits");
            let result = annotate.call::<()>(&event);
            lua.lua().set_memory_limit(0).expect("has limits");
            lua.lua().gc_restart();
            // The stack of the call itself needs memory, too.
            if let Err(error) = result {
                assert!(matches!(error, mlua::Error::MemoryError(_)), "{error}");
            }
            let out: Value = event.raw_get("log").expect("a log");
            if out == log {
                passed += 1
            } else {
                done += 1
            }
            assert!(out == log || out == whole, "{room}: {out:?}");
        }
        assert!(passed > 10 && done > 10, "{passed} passed, {done} were labelled");
        assert_eq!(labelled(&mut lua, &log), whole);
    }
}

/// A finalizer that labels, ends labellers and changes events while a table goes into one.
#[test]
fn finalizers_do_no_harm() {
    let lua = lua(None);
    let code = r#"
        collectgarbage("generational")
        local shared = {log = {message = "x"}}
        local function churn()
            setmetatable({}, {__gc = function()
                labeller:annotate(shared)
                shared.log.triage, shared.log["k" .. math.random(1000)] = nil, {}
                labeller:annotate({log = {message = "y"}})
                if math.random(3) == 1 then churn() end
            end})
        end
        local function closing() local l <close> = require("logtriage").new {}; coroutine.yield(l) end
        for n = 1, 3000 do
            churn()
            local event = {log = {message = "disk sda" .. n .. " is full", triage = n % 3 == 0 and n or nil}}
            for m = 1, n % 40 do event.log["f" .. m] = {} end
            assert(labeller:annotate(event) == event)
            assert(event.log.message == "disk sda" .. n .. " is full")
            if n % 100 == 0 then shared = {log = {message = "x"}} end
            if n % 500 == 0 then
                local co = coroutine.create(closing)
                local _, l = coroutine.resume(co)
                l:annotate(event)
                coroutine.close(co)
                assert(l:annotate(event) == event)
            end
        end
        collectgarbage()
    "#;
    lua.lua().load(code).exec().unwrap_or_else(|error| panic!("{error}"));
}

/// A Lua state is used by one thread after the other, engines by several at once.
#[test]
fn threads_move() {
    let fixture = Fixture::with_verdicts(VERBOSE);
    let config = format!("config = {:?}", fixture.path().join("logtriage.toml"));
    let process = "function(event, emit) emit(labeller:annotate(event)) end";
    let logs: Vec<_> = records::ordinary().filter_map(Value::log).collect();
    let mut alone = lua(Some(fixture.path()));
    let expected: Vec<_> = logs.iter().map(|log| labelled(&mut alone, log)).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let made = Lua::load(guest::lua_module(), &labeller(&config), process);
                let mut lua = made.unwrap_or_else(|error| panic!("{error}"));
                for _ in 0..3 {
                    let used = scope.spawn(|| {
                        for (log, expected) in logs.iter().zip(&expected) {
                            assert_eq!(labelled(&mut lua, log), *expected);
                        }
                        lua
                    });
                    lua = used.join().expect("no panic");
                }
            });
        }
    });
}

/// The limit on new templates is an engine's: by it one tells how many there are. It admits one in
/// each second.
#[test]
fn labellers_of_one_config_share_an_engine_unless_told_not_to() {
    let fixture = Fixture::new("max_new_templates_per_second = 1\n");
    let path = fixture.path().join("logtriage.toml");
    let process = "function(event, emit) emit(labeller:annotate(event)) end";
    let make = |options: &str| {
        let source = labeller(&format!("config = {path:?}, {options}"));
        Lua::load(guest::lua_module(), &source, process).unwrap_or_else(|error| panic!("{error}"))
    };
    let admitted = |lua: &mut Lua, number: u32| {
        let log = Value::log(&record(&new_words(number))).expect("a log");
        triage(&labelled(lua, &log))["confidence"] != 0.0
    };
    let started = std::time::Instant::now();
    let (mut first, mut second) = (make(""), make(""));
    let mut count = usize::from(admitted(&mut first, 0));
    assert_eq!(count, 1);
    count += (1..50).filter(|number| admitted(&mut second, *number)).count();
    let seconds = started.elapsed().as_secs() as usize;
    assert!(count <= 2 + seconds, "{count} in {seconds} s");
    assert!(admitted(&mut make("shared = false"), 50), "an engine of its own");
    assert!(admitted(&mut make("shared = false"), 51), "another");
    // The file says something else now.
    fixture.write("logtriage.toml", "max_new_templates_per_second = 1\nfields = [\"rule\"]\n");
    assert!(admitted(&mut make(""), 52), "an engine for another config");
}

/// Rules and verdicts are picked up within some seconds, and what nobody knows is written down.
#[test]
fn files_are_kept_up_with() {
    let fixture = Fixture::new(&format!(
        "{NO_LIMIT}{OWN_RULES}[reasoning]\n[thresholds]\n\"System Notification\" = \"never\"\n"
    ));
    fixture.write_rules("^kettle .* boils$", "User Action");
    let mut lua = lua(Some(fixture.path()));
    assert_eq!(label(&mut lua, "kettle 7 boils"), "User Action");
    assert_eq!(label(&mut lua, "qwghlm zxcvb"), "Unclassified");
    fixture.write_rules("^kettle .* boils$", "Workflow Error");
    fixture.write("state/verdicts.jsonl", &verdict("qwghlm zxcvb", "Error"));
    until(|| label(&mut lua, "kettle 7 boils") == "Workflow Error");
    until(|| label(&mut lua, "qwghlm zxcvb") == "Error");
    let pending = fixture.path().join("state/pending.jsonl");
    until(|| {
        label(&mut lua, "plugh xyzzy");
        std::fs::read_to_string(&pending).is_ok_and(|lines| lines.contains("plugh xyzzy"))
    });
    fixture.write("rules.toml", "[[rule]]\nid = 7\n");
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(label(&mut lua, "kettle 7 boils"), "Workflow Error", "rules that are wrong");
}

/// Waits for what takes some seconds at most.
fn until(mut done: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !done() {
        assert!(std::time::Instant::now() < end, "still not");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Reload: states come and go with their modules and labellers.
#[test]
fn states_come_and_go() {
    let log = Value::log(&record("Failed password for root from 10.0.0.1 port 2 ssh2"));
    let log = log.expect("a log");
    let mut first = lua(None);
    let expected = labelled(&mut first, &log);
    for _ in 0..20 {
        let mut next = lua(None);
        assert_eq!(labelled(&mut next, &log), expected);
        drop(std::mem::replace(&mut first, next));
    }
    let mut lua = lua(None);
    let churn = "for n = 1, 30 do local l = require('logtriage').new {}; l:annotate({log = {}}) end
                 collectgarbage()";
    lua.lua().load(churn).exec().expect("runs");
    assert_eq!(labelled(&mut lua, &log), expected);
}
