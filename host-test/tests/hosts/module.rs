//! What the guest's file must be like for its hosts to take it.

use host_test::{fluent_bit, guest};
use wasmparser::{
    ExternalKind, FuncType, KnownCustom, Name, Parser, Payload, TypeRef, Validator, WasmFeatures,
};

/// Fluent Bit users keep it in a ConfigMap's neighbourhood: an image layer or a volume.
const MOST_BYTES: usize = 16 << 20;

/// What Fluent Bit's WAMR is built with. SIMD, tail calls, exceptions, several memories, extended
/// constants, threads are not among it.
fn wamr_features() -> WasmFeatures {
    WasmFeatures::WASM1
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::REFERENCE_TYPES
}

fn payloads() -> impl Iterator<Item = Payload<'static>> {
    Parser::new(0).parse_all(guest::core_module()).map(|payload| payload.expect("a module"))
}

fn imports() -> Vec<(&'static str, &'static str)> {
    let mut imports = Vec::new();
    for payload in payloads() {
        if let Payload::ImportSection(section) = payload {
            for import in section.into_imports() {
                let import = import.expect("an import");
                assert!(matches!(import.ty, TypeRef::Func(_)), "{} is no function", import.name);
                imports.push((import.module, import.name));
            }
        }
    }
    imports
}

/// Names and types of the exported functions; other exports have none.
fn exports() -> Vec<(&'static str, Option<FuncType>)> {
    let mut validator = Validator::new_with_features(wamr_features());
    let types = validator.validate_all(guest::core_module()).expect("a module for WAMR");
    let mut exports = Vec::new();
    for payload in payloads() {
        if let Payload::ExportSection(section) = payload {
            for export in section {
                let export = export.expect("an export");
                let ty = (export.kind == ExternalKind::Func).then(|| {
                    types[types.as_ref().core_function_at(export.index)].unwrap_func().clone()
                });
                exports.push((export.name, ty));
            }
        }
    }
    exports
}

#[test]
fn the_module_uses_no_feature_that_fluent_bits_wamr_lacks() {
    let validated =
        Validator::new_with_features(wamr_features()).validate_all(guest::core_module());
    assert!(validated.is_ok(), "{:?}", validated.err());
}

/// WAMR only warns of an import that it does not know, and traps when it is called.
#[test]
fn the_module_imports_functions_of_wasi_preview_1_alone() {
    let known = [
        "clock_time_get",
        "environ_get",
        "environ_sizes_get",
        "fd_close",
        "fd_fdstat_get",
        "fd_fdstat_set_flags",
        "fd_filestat_get",
        "fd_prestat_dir_name",
        "fd_prestat_get",
        "fd_read",
        "fd_readdir",
        "fd_seek",
        "fd_write",
        "path_create_directory",
        "path_filestat_get",
        "path_open",
        "proc_exit",
        "random_get",
    ];
    let imports = imports();
    assert!(!imports.is_empty());
    for (module, name) in imports {
        assert_eq!(module, "wasi_snapshot_preview1", "{name}");
        assert!(known.contains(&name), "{name} is new: does every host have it?");
    }
}

#[test]
fn the_component_imports_wasi_alone_and_exports_the_labeller_alone() {
    // Signals in this process are WAMR's.
    let engine = wasmtime::Engine::new(wasmtime::Config::new().signals_based_traps(false))
        .expect("wasmtime starts");
    let component = wasmtime::component::Component::new(&engine, guest::component());
    let ty = component.expect("a component").component_type();
    for (name, _) in ty.imports(&engine) {
        assert!(name.starts_with("wasi:"), "{name}");
        let outside = ["wasi:sockets", "wasi:http"];
        assert!(!outside.iter().any(|package| name.starts_with(package)), "{name}");
    }
    let exports: Vec<_> = ty.exports(&engine).map(|(name, _)| name.to_owned()).collect();
    assert_eq!(exports, ["logtriage:plugin/labeller@0.1.0"]);
}

#[test]
fn the_exports_are_those_that_fluent_bit_calls_and_those_of_the_component() {
    let exports = exports();
    let ty = |name: &str| {
        let found = exports.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("{name} is not exported")).1.as_ref().map(|ty| {
            assert!(ty.params().iter().chain(ty.results()).all(|v| *v == wasmparser::ValType::I32));
            (ty.params().len(), ty.results().len())
        })
    };
    assert_eq!(ty(fluent_bit::FUNCTION), Some((6, 1)));
    assert_eq!(ty("malloc"), Some((1, 1)));
    assert_eq!(ty("free"), Some((1, 0)));
    assert_eq!(ty("_initialize"), Some((0, 0)));
    assert_eq!(ty("memory"), None);
    let own = ["memory", "_initialize", fluent_bit::FUNCTION];
    // Defined in the place of the C library's, all or none.
    let allocator = ["malloc", "free", "calloc", "realloc", "aligned_alloc", "posix_memalign"];
    for (name, _) in &exports {
        let of_component = ["cabi_", "logtriage:plugin/labeller@0.1.0#"];
        let expected = own.contains(name)
            || allocator.contains(name)
            || of_component.iter().any(|start| name.starts_with(start));
        assert!(expected, "{name} is exported");
    }
}

/// Constructors run in `_initialize`, once. Where the linker knows of none, it wraps each export
/// into a function that runs constructors before and destructors after each call.
#[test]
fn the_module_is_a_reactor_whose_exports_are_not_wrapped() {
    for payload in payloads() {
        assert!(!matches!(payload, Payload::StartSection { .. }), "a start function");
        let Payload::CustomSection(section) = payload else { continue };
        let KnownCustom::Name(names) = section.as_known() else { continue };
        for name in names {
            let Name::Function(functions) = name.expect("names") else { continue };
            for function in functions {
                let name = function.expect("a name").name;
                assert!(!name.ends_with(".command_export"), "{name}");
            }
        }
    }
    let exported = |name| exports().iter().any(|(known, _)| *known == name);
    assert!(!exported("_start") && !exported("__wasm_call_ctors"));
}

#[test]
fn the_files_are_not_too_large() {
    for (what, bytes) in [("module", guest::core_module()), ("component", guest::component())] {
        assert!(bytes.len() <= MOST_BYTES, "the {what} has {} bytes", bytes.len());
    }
}

/// Each place that can panic leaves its file's name among the data.
fn panics(module: &[u8], directory: &str) -> Vec<String> {
    let found = memchr::memmem::find_iter(module, directory.as_bytes());
    let shown = found.map(|start| {
        let rest = &module[start..];
        let end = memchr::memmem::find(rest, b".rs").map_or(directory.len(), |end| end + 3);
        String::from_utf8_lossy(&rest[..end.min(120)]).into_owned()
    });
    shown.collect()
}

#[test]
fn no_code_of_ours_can_panic() {
    for part in ["engine", "files", "wasm"] {
        let found = panics(guest::core_module(), &format!("plugin/{part}/src/"));
        assert!(found.is_empty(), "panics in {found:?}");
    }
    // A guest that can panic shows it.
    assert!(!panics(&guest::baseline("round-trip"), "round-trip/src/").is_empty());
}
