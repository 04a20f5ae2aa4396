//! The component around the core modules: what it imports and exports, and how little else it may have.

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentType, ComponentTypeRef, Instance, Payload, SectionLimited,
};

use super::core::CoreModule;
use super::counts::Counts;
use super::{Checked, Construct, ModuleKind, Refusal, name, not_allowed};
use crate::profile::Limit;

/// The outermost component.
#[derive(Debug, Default)]
pub(super) struct Root {
    modules: Vec<CoreModule>,
    memories: u64,
    tables: u64,
    memory_bytes: u64,
    has_started: bool,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Root {
    /// Counts what a section of this or of a nested component says it has, before it is read.
    pub(super) fn before(
        &self,
        payload: &Payload<'_>,
        is_nested: bool,
        counts: &mut Counts,
    ) -> Result<(), Refusal> {
        match payload {
            Payload::ModuleSection { .. }
            | Payload::InstanceSection(_)
            | Payload::ComponentCanonicalSection(_)
                if is_nested =>
            {
                not_allowed(Construct::NestedCode)
            }
            Payload::ModuleSection { .. } => {
                counts.at_most(Limit::CoreModules, self.modules.len().saturating_add(1))
            }
            // Most of these only bundle exports and make nothing. What is made is counted when it is read.
            Payload::InstanceSection(section) => counts.add(Limit::ComponentInstances, section.count()),
            Payload::ComponentSection { .. } => counts.add(Limit::NestedComponents, 1_u64),
            Payload::ComponentInstanceSection(section) => {
                counts.add(Limit::ComponentInstances, section.count())
            }
            Payload::ComponentAliasSection(section) => counts.add(Limit::Aliases, section.count()),
            Payload::CoreTypeSection(section) => counts.add(Limit::ComponentTypes, section.count()),
            Payload::ComponentTypeSection(section) => counts.add(Limit::ComponentTypes, section.count()),
            Payload::ComponentCanonicalSection(section) => {
                counts.add(Limit::CanonicalFunctions, section.count())
            }
            Payload::ComponentImportSection(section) => counts.add(Limit::ComponentNames, section.count()),
            Payload::ComponentExportSection(section) => counts.add(Limit::ComponentNames, section.count()),
            Payload::ComponentStartSection { .. } => not_allowed(Construct::ComponentStart),
            _ => Ok(()),
        }
    }

    /// Reads a section that is valid.
    pub(super) fn after(
        &mut self,
        payload: &Payload<'_>,
        is_nested: bool,
        counts: &mut Counts,
    ) -> Result<(), Refusal> {
        match payload {
            Payload::InstanceSection(section) => {
                section.clone().into_iter().try_for_each(|instance| self.core_instance(&instance?, counts))
            }
            Payload::ComponentAliasSection(section) => aliases(section, counts),
            Payload::ComponentTypeSection(section) => {
                section.clone().into_iter().try_for_each(|ty| match ty? {
                    ComponentType::Resource { .. } => not_allowed(Construct::OwnResource),
                    _ => Ok(()),
                })
            }
            Payload::ComponentCanonicalSection(section) => {
                section.clone().into_iter().try_for_each(|function| canonical(&function?))
            }
            Payload::ComponentImportSection(section) => section.clone().into_iter().try_for_each(|import| {
                let import = import?;
                name(import.name.name, counts)?;
                if matches!(import.ty, ComponentTypeRef::Module(_)) {
                    return not_allowed(Construct::ModuleReference);
                }
                if !is_nested {
                    self.imports.push(import.name.name.to_owned());
                }
                Ok(())
            }),
            Payload::ComponentExportSection(section) => section.clone().into_iter().try_for_each(|export| {
                let export = export?;
                name(export.name.name, counts)?;
                if export.kind == ComponentExternalKind::Module {
                    return not_allowed(Construct::ModuleReference);
                }
                if !is_nested {
                    self.exports.push(export.name.name.to_owned());
                }
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    /// A core module ended. The next one has the next index, since none can come from elsewhere.
    pub(super) fn module(&mut self, module: CoreModule) {
        self.modules.push(module);
    }

    fn core_instance(&mut self, instance: &Instance<'_>, counts: &mut Counts) -> Result<(), Refusal> {
        let Instance::Instantiate { module_index, .. } = instance else { return Ok(()) };
        counts.add(Limit::CoreInstances, 1_u64)?;
        let index = usize::try_from(*module_index).unwrap_or(usize::MAX);
        let module = self.modules.get(index).copied().unwrap_or_default();
        self.memories = self.memories.saturating_add(module.memories);
        counts.at_most(Limit::Memories, self.memories)?;
        self.tables = self.tables.saturating_add(module.tables);
        counts.at_most(Limit::Tables, self.tables)?;
        self.memory_bytes = self.memory_bytes.saturating_add(module.memory_bytes);
        // While no code has run, a failure to make the memory is known as the host's.
        if module.memories > 0 && self.has_started {
            return not_allowed(Construct::EarlyStart);
        }
        self.has_started |= module.has_start;
        Ok(())
    }

    /// What it imports.
    pub(super) fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Judges the whole by what it imports and exports.
    pub(super) fn finish(self, frame_bytes: u64) -> Result<Checked, Refusal> {
        let kind = kind(&self.exports)?;
        self.imports.iter().try_for_each(|import| is_allowed(import, kind))?;
        Ok(Checked { kind, initial_memory_bytes: self.memory_bytes, frame_bytes })
    }
}

fn kind(exports: &[String]) -> Result<ModuleKind, Refusal> {
    let kinds = [ModuleKind::Filter, ModuleKind::BatchPolicy];
    let mut found = None;
    for export in exports {
        let Some(kind) = kinds.into_iter().find(|kind| kind.export() == export) else {
            let other = kinds.into_iter().map(ModuleKind::export).find(|known| is_version_of(export, known));
            return Err(match other {
                Some(expected) => Refusal::Version { name: export.clone(), expected },
                None => Refusal::UnknownExport { name: export.clone() },
            });
        };
        if found.is_some() {
            return Err(Refusal::TwoWorlds);
        }
        found = Some(kind);
    }
    found.ok_or(Refusal::NoExport)
}

/// The names are compared to the last byte: the engine would link a compatible version too, and what is compatible is
/// its opinion.
fn is_allowed(import: &str, kind: ModuleKind) -> Result<(), Refusal> {
    if kind.imports().contains(&import) {
        return Ok(());
    }
    let name = import.to_owned();
    if import.starts_with("wasi:") || import.starts_with("wasi_") {
        return Err(Refusal::Wasi { name });
    }
    match kind.imports().iter().find(|known| is_version_of(import, known)) {
        Some(expected) => Err(Refusal::Version { name, expected }),
        None => Err(Refusal::UnknownImport { name, kind }),
    }
}

/// Whether `name` is an interface of ours, in another version or without one.
fn is_version_of(name: &str, known: &str) -> bool {
    let interface = |name: &str| name.split('@').next().map(str::to_owned);
    interface(name) == interface(known)
}

fn aliases(section: &SectionLimited<'_, ComponentAlias<'_>>, counts: &mut Counts) -> Result<(), Refusal> {
    for alias in section.clone() {
        match alias? {
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. }
            | ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. } => {
                return not_allowed(Construct::ModuleReference);
            }
            ComponentAlias::InstanceExport { name: export, .. }
            | ComponentAlias::CoreInstanceExport { name: export, .. } => name(export, counts)?,
            ComponentAlias::Outer { .. } => {}
        }
    }
    Ok(())
}

fn canonical(function: &CanonicalFunction) -> Result<(), Refusal> {
    let options = match function {
        CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => options,
        // What is borrowed is given back by this one.
        CanonicalFunction::ResourceDrop { .. } => return Ok(()),
        _ => return not_allowed(Construct::CanonicalFunction),
    };
    options.iter().try_for_each(|option| match option {
        CanonicalOption::UTF8
        | CanonicalOption::Memory(_)
        | CanonicalOption::Realloc(_)
        | CanonicalOption::PostReturn(_) => Ok(()),
        CanonicalOption::UTF16 | CanonicalOption::CompactUTF16 => not_allowed(Construct::StringEncoding),
        CanonicalOption::Async | CanonicalOption::Callback(_) => not_allowed(Construct::Async),
        CanonicalOption::CoreType(_) | CanonicalOption::Gc => not_allowed(Construct::CanonicalFunction),
    })
}
