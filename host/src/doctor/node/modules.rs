//! The modules of channels: whether each is within the profile, whether its machine code is kept, and what this node
//! would say to it today. Modules are compiled in a process of their own, and what comes out is not kept.

use std::num::NonZeroU16;
use std::sync::Arc;

use raddle_core::bundle::CurrentConfig;
use raddle_core::modules::{Kind, Mode, Profile as _, Spec, WhyShipped, active_modules};
use raddle_rules::artifact::{ArtifactCache, ArtifactKey, CompileLimits, EngineKey, InProcess, Miss};
use raddle_rules::store::{Effort, ModuleStore, Profile1, StoreSettings};
use raddle_rules::{BatchEngine, EngineError, FilterEngine};

use super::{Given, Part, configs, finding, fine};
use crate::admin::modules::{Installed, installed};
use crate::doctor::{Finding, Verdict};
use crate::node::Modules;

const WITHIN: &str = "one within the limits of profile 1";

/// What modules are run with.
struct Workshop {
    engine: EngineKey,
    store: ModuleStore,
    /// Machine code of earlier starts.
    cache: Option<ArtifactCache>,
}

pub(super) fn look(given: &Given<'_>) -> Vec<Finding> {
    let (mut findings, mut workshop) = (Vec::new(), None);
    for (channel, config) in configs::read(given.settings) {
        let config = match config {
            Ok(config) => config,
            Err(unread) => {
                findings.push(unread.finding(Part::Modules, format!("modules of {channel}")));
                continue;
            }
        };
        let modules = installed(&config.config);
        if modules.is_empty() {
            let what = format!("modules of {channel}");
            findings.push(fine(Part::Modules, &what, "none but the shipped ones", WITHIN));
            continue;
        }
        // Only now is it worth to make engines.
        let ready = match &workshop {
            Some(ready) => ready,
            None => match Workshop::open(given) {
                Ok((opened, told)) => {
                    findings.extend(told);
                    &*workshop.insert(opened)
                }
                Err(error) => {
                    findings.push(no_engine(&error));
                    return findings;
                }
            },
        };
        findings.extend(batch_policy(&config));
        findings.extend(modules.iter().flat_map(|module| ready.module(&config, module)));
    }
    match findings.is_empty() {
        true => vec![fine(Part::Modules, "modules", "no channel", WITHIN)],
        false => findings,
    }
}

fn no_engine(error: &EngineError) -> Finding {
    let told = ["engine".to_owned(), error.to_string(), "one that runs modules".to_owned()];
    let remedy = "run the node on Linux with glibc on x86-64 or AArch64, with addresses enough (ulimit -v)";
    finding(Part::Modules, Verdict::Wrong, told, "the node does not start", &[remedy.to_owned()])
}

/// Says why a channel's own batch policy does not cut.
fn batch_policy(config: &CurrentConfig) -> Option<Finding> {
    let set = active_modules(&config.config, &config.bundle, &Profile1);
    let what = format!("batch policy of {}", config.channel());
    match set.batch_policy {
        Ok(_) | Err(WhyShipped::None | WhyShipped::Off) => None,
        Err(why) => {
            let told = [what, why.to_string(), "the channel's own".to_owned()];
            let remedy = match why {
                WhyShipped::NoCapability => {
                    "add the capability to Orderer's Capabilities, with raddle channel config update"
                }
                _ => "install one that can be used, or remove it: raddle module remove",
            };
            Some(finding(
                Part::Modules,
                Verdict::Warning,
                told,
                "the shipped one cuts its batches",
                &[remedy.to_owned()],
            ))
        }
    }
}

impl Workshop {
    fn open(given: &Given<'_>) -> Result<(Self, Vec<Finding>), EngineError> {
        let engine = InProcess::new()?.key();
        let filters = Arc::new(FilterEngine::new(NonZeroU16::MIN)?);
        let batches = Arc::new(BatchEngine::new()?);
        let folder = Modules::folder(&given.settings.folder.value);
        let mut findings = vec![fine(
            Part::Modules,
            "engine",
            format!("{engine}, profile 1"),
            "one that runs modules of profile 1",
        )];
        let there = folder.display().to_string();
        let cache = match ArtifactCache::existing(&folder) {
            Ok(cache) => cache,
            Err(error) => {
                let told = ["cache".to_owned(), error.to_string(), "a folder that can be read".to_owned()];
                let remedy = format!("make it readable for the user of the node: chown -R USER {there}");
                let why = "all modules are compiled at each start";
                findings.push(finding(Part::Modules, Verdict::Warning, told, why, &[remedy]));
                None
            }
        };
        let found = match &cache {
            Some(_) => format!("{there}, with a key that this user alone reads"),
            None => format!("{there} is made when a module is compiled"),
        };
        findings.push(fine(Part::Modules, "cache", found, "machine code with the mark of our own key"));
        let settings = StoreSettings {
            compiler: Box::new(given.worker.clone()),
            cache: None,
            strict: CompileLimits::STRICT,
            loose: CompileLimits::LOOSE,
            strict_at_once: NonZeroU16::MIN,
            observer: Box::new(|event| tracing::debug!("{event}")),
        };
        Ok((Self { engine, store: ModuleStore::new(filters, batches, settings), cache }, findings))
    }

    fn module(&self, config: &CurrentConfig, module: &Installed) -> Vec<Finding> {
        let what = format!("{} of {}", module.key, config.channel());
        let spec = match &module.spec {
            Ok(spec) => spec,
            Err(refusal) => return vec![broken(&what, None, &refusal.to_string())],
        };
        if let Err(refusal) = Profile1.check(spec) {
            return vec![broken(&what, Some(spec), &refusal.to_string())];
        }
        let found = format!(
            "{} {}, {}, {} bytes, {} fuel, {} bytes of memory, sha256 {}",
            spec.kind,
            spec.version,
            spec.mode,
            spec.component.len(),
            spec.fuel,
            spec.memory_bytes,
            spec.digest,
        );
        let mut findings = vec![fine(Part::Modules, &what, found, WITHIN), self.artifact(&what, spec)];
        findings.push(self.today(&what, config, spec));
        findings
    }

    /// Whether its machine code is kept, whole and ours.
    fn artifact(&self, what: &str, spec: &Spec) -> Finding {
        let what = format!("{what}, compiled");
        let wanted = "in the cache with our mark, or to be compiled";
        let key = ArtifactKey { digest: spec.digest, engine: self.engine };
        let miss = match self.cache.as_ref().map(|cache| cache.peek(&key)) {
            Some(Ok(artifact)) => {
                let found = format!("{} bytes in the cache, with our mark", artifact.bytes().len());
                return fine(Part::Modules, &what, found, wanted);
            }
            None | Some(Err(Miss::Absent)) => {
                return fine(Part::Modules, &what, "not in the cache: the next start compiles it", wanted);
            }
            Some(Err(miss)) => miss,
        };
        let path =
            self.cache.as_ref().map_or_else(String::new, |cache| cache.path(&key).display().to_string());
        let why =
            "it is not run but compiled anew, and somebody else has written there, or a disk is failing";
        let remedy = format!("find out who may write to the folder of {path}");
        finding(Part::Modules, Verdict::Warning, [what, miss.to_string(), wanted.to_owned()], why, &[remedy])
    }

    /// Whether it can be run here, and whether an update that brings it would still be taken.
    fn today(&self, what: &str, config: &CurrentConfig, spec: &Spec) -> Finding {
        let what = format!("{what}, today");
        let wanted = "one that is installed and runs";
        let channel = config.channel().0.as_str();
        let Err(error) = self.store.install(channel, spec, &config.bundle) else {
            return fine(Part::Modules, &what, "it would be installed", wanted);
        };
        let told = |verdict, found: String, why: &str, remedy: &str| {
            let told = [what.clone(), found, wanted.to_owned()];
            finding(Part::Modules, verdict, told, why, &[remedy.to_owned()])
        };
        match self.store.prepare(channel, spec, Effort::Loose) {
            Ok(_) => told(
                Verdict::Warning,
                error.to_string(),
                "it runs, and an update that installs or changes it is refused",
                "tell its author; raddle help RDL-3010 says more",
            ),
            Err(error) => told(
                verdict(spec),
                error.to_string(),
                consequence(Some(spec)),
                "mend what keeps this orderer from compiling it, or have it removed: raddle module remove",
            ),
        }
    }
}

/// A module that no orderer can run.
fn broken(what: &str, spec: Option<&Spec>, why: &str) -> Finding {
    let told = [what.to_owned(), why.to_owned(), WITHIN.to_owned()];
    let remedy = "have the channel's admins install one that can be run, or remove it: raddle module remove";
    let verdict = spec.map_or(Verdict::Wrong, verdict);
    finding(Part::Modules, verdict, told, consequence(spec), &[remedy.to_owned()])
}

fn verdict(spec: &Spec) -> Verdict {
    if spec.mode == Mode::Enforce { Verdict::Wrong } else { Verdict::Warning }
}

fn consequence(spec: Option<&Spec>) -> &'static str {
    match spec {
        Some(spec) if spec.mode == Mode::Off => "nothing, while it is switched off",
        Some(spec) if spec.mode == Mode::Shadow => "what it would refuse is not seen",
        Some(spec) if spec.kind == Kind::BatchPolicy => {
            "its channel halts on this orderer, or is cut by the shipped one"
        }
        _ => "normal envelopes of its channel are not taken",
    }
}
