//! Cases: what a module is asked and what it has to answer.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use raddle_core::batch_policy::{Fault, LocalFault};
use raddle_core::cutter::Cutter;
use raddle_rules::store::{CustomBatchPolicy, Prepared};
use raddle_rules::{
    BatchMeter, BindError, FilterModule, GuestStack, LogLevel, LogSink, RefusalStatus, Settings,
    SettingsError,
};

use super::Workbench;
use super::form::{CaseFile, CaseForm, EnvelopeForm, Expected, SettingsForm};
use super::spent::Adding;
use super::stage::{Stage, StageError};
use raddle_rules::profile::ModuleLimits;

/// Most envelopes of one case.
const ENVELOPES_MAX: usize = 100_000;

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// What was to be answered.
    pub expected: String,
    /// What was answered.
    pub found: String,
    /// Whether it is the same.
    pub passed: bool,
    /// Fuel of a filter's call, or the most that a batch policy used in one.
    pub fuel_used: Option<u64>,
    /// Of a batch policy that cut as it had to: where.
    pub cuts: Option<String>,
    /// What the module logged.
    pub log: Vec<String>,
}

/// Why a file's cases cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The channel or an envelope cannot be made.
    #[error("{name}: {cause}")]
    Stage {
        /// The case.
        name: String,
        /// Why.
        cause: StageError,
    },
    /// The case asks what cannot be asked.
    #[error("{name}: {what}")]
    Form {
        /// The case.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The module does not fit its limits.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The settings are none.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// This machine fails.
    #[error(transparent)]
    Local(#[from] LocalFault),
}

/// An answer, or what a case wants for one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Accepted,
    Refused(RefusalStatus, String),
    Fault(String),
    SettingsRefused(String),
    Cuts { cuts: Vec<usize>, pending: u32 },
}

/// Plays the cases of a file, in order.
///
/// # Errors
///
/// See [`CaseError`].
pub fn play(
    bench: &Workbench,
    stack: GuestStack,
    module: &Prepared,
    file: &CaseFile,
) -> Result<Vec<Outcome>, CaseError> {
    let envelopes = file.cases.iter().flat_map(|case| case.envelope.iter().chain(&case.envelopes));
    let mut stage = Stage::new(&file.channel, envelopes)
        .map_err(|cause| CaseError::Stage { name: "channel".to_owned(), cause })?;
    let mut outcomes = Vec::new();
    for case in &file.cases {
        let log = Arc::new(Lines::default());
        let settings = pairs(case.settings.as_ref().unwrap_or(&file.settings))?;
        let (answer, fuel_used) = match module {
            Prepared::Filter(filter) => {
                let limits = filter.limits;
                filter_case(bench, stack, &mut stage, (&filter.module, settings, limits), case, &log)?
            }
            Prepared::BatchPolicy(policy) => {
                let spent = Arc::new(Adding::default());
                let answer = policy_case(stack, &mut stage, (policy, settings, &spent), case, &log)?;
                (answer, Some(spent.sum()).filter(|spent| spent.calls > 0).map(|spent| spent.fuel_max))
            }
        };
        outcomes.push(compare(case, answer, fuel_used, log.take())?);
    }
    Ok(outcomes)
}

fn pairs(settings: &SettingsForm) -> Result<Settings, SettingsError> {
    Settings::new(settings.0.iter().map(|(key, value)| (key.clone(), value.clone())))
}

fn filter_case(
    bench: &Workbench,
    stack: GuestStack,
    stage: &mut Stage,
    (module, settings, limits): (&FilterModule, Settings, ModuleLimits),
    case: &CaseForm,
    log: &Arc<Lines>,
) -> Result<(Answer, Option<u64>), CaseError> {
    let config = Arc::clone(stage.config());
    let log = Arc::clone(log) as Arc<dyn LogSink>;
    let filter = module.bind(Arc::clone(&config.bundle), settings, limits, log)?;
    match filter.check_settings(stack) {
        Ok(Ok(())) => {}
        Ok(Err(sentence)) => return Ok((Answer::SettingsRefused(sentence), None)),
        Err(Fault::Guest(fault)) => return Ok((Answer::Fault(fault.to_string()), None)),
        Err(Fault::Local(fault)) => return Err(fault.into()),
    }
    let Some(form) = &case.envelope else {
        return match case.expect {
            Some(Expected::SettingsRefused) => Ok((Answer::Accepted, None)),
            _ => Err(form_error(case, "a filter's case has an `envelope`")),
        };
    };
    let (envelope, received) = make(stage, case, form)?;
    let run = filter.run(stack, &bench.case(&config.access, &envelope, received));
    let answer = match run.answer {
        Ok(Ok(())) => Answer::Accepted,
        Ok(Err(refusal)) => Answer::Refused(refusal.status, refusal.sentence),
        Err(Fault::Guest(fault)) => Answer::Fault(fault.to_string()),
        Err(Fault::Local(fault)) => return Err(fault.into()),
    };
    Ok((answer, Some(run.fuel_used)))
}

fn policy_case(
    stack: GuestStack,
    stage: &mut Stage,
    (policy, settings, spent): (&CustomBatchPolicy, Settings, &Arc<Adding>),
    case: &CaseForm,
    log: &Arc<Lines>,
) -> Result<Answer, CaseError> {
    let config = Arc::clone(stage.config());
    let (bundle, log) = (Arc::clone(&config.bundle), Arc::clone(log) as Arc<dyn LogSink>);
    let bound = policy.module.bind(stack, bundle, settings, policy.limits, log)?;
    match bound.check_settings() {
        Ok(Ok(())) => {}
        Ok(Err(sentence)) => return Ok(Answer::SettingsRefused(sentence)),
        Err(Fault::Guest(fault)) => return Ok(Answer::Fault(fault.to_string())),
        Err(Fault::Local(fault)) => return Err(fault.into()),
    }
    let count: usize = case.envelopes.iter().map(|form| form.times).fold(0, usize::saturating_add);
    if count > ENVELOPES_MAX {
        return Err(form_error(case, &format!("{count} envelopes, at most {ENVELOPES_MAX} are played")));
    }
    let bound = bound.counted(Arc::clone(spent) as Arc<dyn BatchMeter>);
    let mut cutter = Cutter::new(config.bundle.batch_size, Rc::new(bound));
    let mut cuts = Vec::new();
    for form in &case.envelopes {
        for _ in 0..form.times {
            let taken = cutter.take(&make(stage, case, form)?.0)?;
            if let Some(fault) = taken.faults.first() {
                return Ok(Answer::Fault(fault.to_string()));
            }
            cuts.extend([taken.before, taken.after].into_iter().flatten().map(|cut| cut.envelopes.len()));
        }
    }
    Ok(Answer::Cuts { cuts, pending: cutter.pending().count })
}

fn make(
    stage: &mut Stage,
    case: &CaseForm,
    form: &EnvelopeForm,
) -> Result<(raddle_proto::wire::Envelope, raddle_rules::Timestamp), CaseError> {
    stage.envelope(form).map_err(|cause| CaseError::Stage { name: case.name.clone(), cause })
}

fn form_error(case: &CaseForm, what: &str) -> CaseError {
    CaseError::Form { name: case.name.clone(), what: what.to_owned() }
}

/// Holds an answer against what the case wants.
fn compare(
    case: &CaseForm,
    found: Answer,
    fuel_used: Option<u64>,
    log: Vec<String>,
) -> Result<Outcome, CaseError> {
    let sentence = |found: &str| case.sentence.clone().unwrap_or_else(|| found.to_owned());
    let said = match &found {
        Answer::Refused(_, said) | Answer::Fault(said) | Answer::SettingsRefused(said) => said.as_str(),
        Answer::Accepted | Answer::Cuts { .. } => "",
    };
    let wanted = match (case.expect, &case.cuts) {
        (Some(Expected::Accepted), None) => Answer::Accepted,
        (Some(Expected::BadRequest), None) => Answer::Refused(RefusalStatus::BadRequest, sentence(said)),
        (Some(Expected::Forbidden), None) => Answer::Refused(RefusalStatus::Forbidden, sentence(said)),
        (Some(Expected::TooLarge), None) => Answer::Refused(RefusalStatus::TooLarge, sentence(said)),
        (Some(Expected::Fault), None) => Answer::Fault(sentence(said)),
        (Some(Expected::SettingsRefused), None) => Answer::SettingsRefused(sentence(said)),
        (None, Some(cuts)) => {
            let pending = match &found {
                Answer::Cuts { pending, .. } => case.pending.unwrap_or(*pending),
                _ => case.pending.unwrap_or_default(),
            };
            Answer::Cuts { cuts: cuts.clone(), pending }
        }
        _ => return Err(form_error(case, "a case has either `expect` or `cuts`")),
    };
    let cuts = matches!(found, Answer::Cuts { .. }).then(|| found.to_string());
    Ok(Outcome {
        name: case.name.clone(),
        cuts,
        passed: wanted == found,
        expected: wanted.to_string(),
        found: found.to_string(),
        fuel_used,
        log,
    })
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, sentence) = match self {
            Self::Accepted => ("accepted", ""),
            Self::Refused(RefusalStatus::BadRequest, sentence) => ("bad-request", sentence.as_str()),
            Self::Refused(RefusalStatus::Forbidden, sentence) => ("forbidden", sentence.as_str()),
            Self::Refused(RefusalStatus::TooLarge, sentence) => ("too-large", sentence.as_str()),
            Self::Fault(sentence) => ("fault", sentence.as_str()),
            Self::SettingsRefused(sentence) => ("settings-refused", sentence.as_str()),
            Self::Cuts { cuts, pending } => return write!(f, "cuts {cuts:?}, {pending} pending"),
        };
        if sentence.is_empty() { f.write_str(what) } else { write!(f, "{what}: {sentence}") }
    }
}

/// Keeps what a module logs.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Lines {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

impl LogSink for Lines {
    fn line(&self, level: LogLevel, line: &str) {
        self.keep(format!("{level:?}: {line}"));
    }

    fn dropped(&self, lines: u64) {
        self.keep(format!("{lines} more lines were dropped"));
    }
}
