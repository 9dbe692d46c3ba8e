//! The guest as a component in wasmtime, through the contract.

use std::path::Path;
use std::sync::LazyLock;

use logtriage_engine as engine;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::directory::Files;
use crate::{Failure, Host, Lost, core_module, guest};

#[allow(missing_docs)]
mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "plugin" });
}

use bindings::Plugin;
use bindings::exports::logtriage::plugin::labeller::{Kind, Verdict};

/// The component. Its host reads files and knows the time; it has neither.
pub struct Component {
    store: Store<Wasi>,
    plugin: Plugin,
}

struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Wasi {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.context, table: &mut self.table }
    }
}

impl Component {
    /// See [`crate::Kind::start`].
    ///
    /// # Errors
    /// The component lacks what the contract has, or refuses the config.
    pub fn start(directory: Option<&Path>) -> Result<Self, Failure> {
        let files = Files::read(directory)?;
        let (engine, component) = compiled();
        let mut linker = Linker::<Wasi>::new(engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        let wasi = Wasi { context: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(engine, wasi);
        let plugin = Plugin::instantiate(&mut store, component, &linker)?;
        let mut host = Self { store, plugin };
        if directory.is_some() {
            host.configure(files)?;
        }
        Ok(host)
    }

    fn configure(&mut self, files: Files) -> Result<(), Failure> {
        let labeller = self.plugin.logtriage_plugin_labeller();
        let (config, rules) = (files.config.as_deref(), files.compiled_rules.as_deref());
        labeller
            .call_configure(&mut self.store, config, rules, None)?
            .map_err(|refused| format!("{refused:?}"))?;
        for (kind, verdicts) in files.verdicts {
            let verdicts: Vec<_> = verdicts.into_iter().map(|given| verdict(kind, given)).collect();
            labeller.call_learn(&mut self.store, &verdicts)?;
        }
        Ok(())
    }
}

fn verdict(kind: engine::Kind, given: engine::Verdict) -> Verdict {
    Verdict {
        template: given.template,
        label: given.label,
        by: given.by,
        reason: given.reason,
        kind: match kind {
            engine::Kind::Person => Kind::Person,
            engine::Kind::Machine => Kind::Machine,
        },
    }
}

/// Compiling takes longer than all the rest: once is enough.
fn compiled() -> &'static (Engine, wasmtime::component::Component) {
    static COMPILED: LazyLock<(Engine, wasmtime::component::Component)> = LazyLock::new(|| {
        let engine = core_module::engine();
        let component = wasmtime::component::Component::new(&engine, guest::component())
            .unwrap_or_else(|error| panic!("the guest is no component: {error:#}"));
        (engine, component)
    });
    &COMPILED
}

impl Host for Component {
    fn annotate(&mut self, record: &[u8]) -> Result<Vec<u8>, Lost> {
        let labeller = self.plugin.logtriage_plugin_labeller();
        labeller
            .call_annotate(&mut self.store, record, 0)
            .map_err(|trap| Lost::Trap(format!("{trap:#}")))
    }
}
