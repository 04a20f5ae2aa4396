//! A proof as text.

use std::collections::BTreeSet;
use std::fmt;

use super::text::clip;
use super::{Basis, Need, OutOfNeed, PolicyProof, PrincipalNeed, Proof};

/// Widest label that others are aligned with.
const ALIGNED_MAX: usize = 48;

/// Most signers that a line names.
const NAMED_MAX: usize = 3;

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(usize::MAX))
    }
}

impl Proof {
    /// What was asked, of whom, and the answer: one line.
    #[must_use]
    pub fn headline(&self) -> String {
        let verb = if self.policy.holds { "is satisfied" } else { "is not satisfied" };
        let who = self.signers.iter().map(|signer| format!("{} ({})", signer.description, signer.msp_id));
        format!("{} {verb} by {}", self.policy.path, some_of(who.collect(), self.signers_left_out))
    }

    /// The whole as a tree of lines, of at most about `bytes_max` bytes: whole lines, at least the first, and how many
    /// are missing. No line feed at the end.
    #[must_use]
    pub fn render(&self, bytes_max: usize) -> String {
        let lines = self.lines();
        let mut text = self.headline();
        for (place, line) in lines.iter().enumerate() {
            // Room for the line that says what is missing, unless this is the last one.
            let reserve = if place + 1 == lines.len() { 0 } else { 32 };
            if text.len().saturating_add(line.len()).saturating_add(1 + reserve) > bytes_max {
                text.push_str(&format!("\n  … {} more lines", lines.len() - place));
                break;
            }
            text.push('\n');
            text.push_str(line);
        }
        text
    }

    /// All but the first line.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.policy.basis {
            Basis::ImplicitMeta { .. } => lines.push(format!("  {}", summary(&self.policy.basis))),
            Basis::Signature(_) | Basis::Missing => {
                let (needs, got) = self.leaf(&self.policy);
                lines.push(format!("  {needs}   {got}").trim_end().to_owned());
            }
        }
        self.push_below(&self.policy, "  ", &mut lines);
        for skipped in &self.skipped {
            let msp_id = if skipped.msp_id.is_empty() { "no MSP" } else { &skipped.msp_id };
            let place = skipped.index.saturating_add(1);
            lines.push(format!("  signature {place} ({msp_id}) does not count: {}", skipped.reason));
        }
        if self.skipped_left_out > 0 {
            lines.push(format!("  … {} more signatures do not count", self.skipped_left_out));
        }
        lines.extend(self.hint());
        lines
    }

    /// What is below a policy, each line behind `indent`.
    fn push_below(&self, policy: &PolicyProof, indent: &str, lines: &mut Vec<String>) {
        let Basis::ImplicitMeta { sub_policy, of, children, left_out, .. } = &policy.basis else {
            lines.extend(self.refusals(policy).into_iter().map(|line| format!("{indent}{line}")));
            return;
        };
        let not_asked = of.saturating_sub(children.len()).saturating_sub(*left_out);
        let mut remarks = Vec::new();
        if *left_out > 0 {
            remarks.push(format!("… {left_out} more"));
        }
        if not_asked > 0 {
            remarks.push(format!("… {not_asked} not asked, since enough hold"));
        }
        let labels: Vec<String> = children.iter().map(|child| label(child, sub_policy)).collect();
        let texts: Vec<_> = children.iter().map(|child| self.leaf(child)).collect();
        let label_width = width(labels.iter());
        let needs_width = width(texts.iter().filter(|(_, got)| !got.is_empty()).map(|(needs, _)| needs));
        for (place, ((child, label), (needs, got))) in children.iter().zip(labels).zip(texts).enumerate() {
            let is_last = place + 1 == children.len() && remarks.is_empty();
            let (branch, below) = if is_last { ("└─", "     ") } else { ("├─", "│    ") };
            let mark = if child.holds { '✓' } else { '✗' };
            let line = format!("{indent}{branch} {mark} {label:label_width$}   {needs:needs_width$}   {got}");
            lines.push(line.trim_end().to_owned());
            self.push_below(child, &format!("{indent}{below}"), lines);
        }
        for (place, remark) in remarks.iter().enumerate() {
            let branch = if place + 1 == remarks.len() { "└─" } else { "├─" };
            lines.push(format!("{indent}{branch} {remark}"));
        }
    }

    /// What a policy needs and, if that is for signers to give, what it got.
    fn leaf(&self, policy: &PolicyProof) -> (String, String) {
        let Basis::Signature(rule) = &policy.basis else {
            return (summary(&policy.basis), String::new());
        };
        let needs = rule.as_ref().map_or_else(|| "a rule".to_owned(), |need| needs(need, false));
        let has = match rule {
            Some(Need::OutOf(need)) if need.satisfied > 0 && !policy.holds && !self.signers.is_empty() => {
                format!(", has {} of {}", need.satisfied, need.needed)
            }
            _ => String::new(),
        };
        (format!("needs {}", clip([needs.as_str()])), format!("got {}{has}", self.signed_as()))
    }

    /// Who signed, as a principal would have it: `Org1MSP.client`.
    fn signed_as(&self) -> String {
        let mut seen = BTreeSet::new();
        let texts = self.signers.iter().map(|signer| match signer.units.as_str() {
            "" => signer.msp_id.clone(),
            units => format!("{}.{units}", signer.msp_id),
        });
        some_of(texts.filter(|text| seen.insert(text.clone())).collect(), self.signers_left_out)
    }

    /// A line for each signer of the right MSP that was not taken for a principal.
    fn refusals(&self, policy: &PolicyProof) -> Vec<String> {
        let mut principals = Vec::new();
        if let (Basis::Signature(Some(need)), false) = (&policy.basis, policy.holds) {
            push_principals(need, &mut principals);
        }
        let mut lines = Vec::new();
        for need in principals.into_iter().filter(|need| need.by.is_none()) {
            for refusal in &need.refusals {
                let signer = self.signers.get(refusal.signer).map_or("a signer", |it| &it.description);
                lines.push(format!("{signer} as {}: {}", need.principal, refusal.reason));
            }
            if need.refusals_left_out > 0 {
                lines.push(format!("… {} more as {}", need.refusals_left_out, need.principal));
            }
        }
        lines
    }

    /// Says so when all who signed are of MSPs that no principal names.
    fn hint(&self) -> Option<String> {
        let mut wanted = BTreeSet::new();
        let is_complete = push_msps(&self.policy, &mut wanted);
        let signed: BTreeSet<&str> = self.signers.iter().map(|signer| signer.msp_id.as_str()).collect();
        let is_stranger = signed.iter().all(|msp_id| !wanted.contains(msp_id));
        if self.policy.holds || !is_complete || !is_stranger || signed.is_empty() || wanted.is_empty() {
            return None;
        }
        let of = if signed.len() == 1 { "is none of the MSPs" } else { "are none of the MSPs" };
        let signed = some_of(signed.into_iter().map(str::to_owned).collect(), 0);
        let wanted = some_of(wanted.into_iter().map(str::to_owned).collect(), 0);
        Some(format!("  hint   {signed} {of} that the policy names ({wanted})"))
    }
}

/// What a policy that is no signature policy needs.
fn summary(basis: &Basis) -> String {
    match basis {
        Basis::ImplicitMeta { rule: super::ImplicitRule::Any, of, .. } if *of > 0 => format!("ANY of {of}"),
        Basis::ImplicitMeta { rule, needed, satisfied, of, .. } => {
            format!("{rule} of {of}, needs {needed}, has {satisfied}")
        }
        Basis::Missing => "there is no such policy".to_owned(),
        Basis::Signature(_) => "a rule".to_owned(),
    }
}

/// The group's name says enough of a policy that has the name asked for.
fn label(child: &PolicyProof, sub_policy: &str) -> String {
    let is_usual = child.path.ends_with(&format!("/{}/{sub_policy}", child.group));
    match child.basis {
        Basis::Signature(_) | Basis::Missing if is_usual => child.group.clone(),
        _ => child.path.clone(),
    }
}

/// A need as one says it: `Org1MSP.admin | Org1MSP.client`, `A & B`, `2 of (A, B, C)`.
fn needs(need: &Need, is_inside: bool) -> String {
    let need = match need {
        Need::Principal(need) => return need.principal.clone(),
        Need::OutOf(need) => need,
    };
    let OutOfNeed { needed, of, rules, left_out, .. } = need;
    if *needed <= 0 {
        return "nobody".to_owned();
    }
    let mut texts: Vec<String> = rules.iter().map(|rule| needs(rule, true)).collect();
    if *left_out > 0 {
        texts.push(format!("… {left_out} more"));
    }
    let is_all = usize::try_from(*needed).is_ok_and(|needed| needed == *of);
    match (is_all, *needed) {
        (true, 1) => texts.concat(),
        (true, _) | (false, 1) if *of > 0 => {
            let text = texts.join(if is_all { " & " } else { " | " });
            if is_inside { format!("({text})") } else { text }
        }
        _ => format!("{needed} of ({})", texts.join(", ")),
    }
}

fn push_principals<'a>(need: &'a Need, principals: &mut Vec<&'a PrincipalNeed>) {
    match need {
        Need::Principal(need) => principals.push(need),
        Need::OutOf(need) => need.rules.iter().for_each(|rule| push_principals(rule, principals)),
    }
}

/// Collects the MSPs that principals name; tells whether these are all there are.
fn push_msps<'a>(policy: &'a PolicyProof, msps: &mut BTreeSet<&'a str>) -> bool {
    match &policy.basis {
        Basis::Missing => true,
        Basis::Signature(None) => false,
        Basis::Signature(Some(need)) => push_msps_of_need(need, msps),
        Basis::ImplicitMeta { children, left_out, .. } => {
            // Not `all`, which stops at the first.
            let incomplete = children.iter().filter(|child| !push_msps(child, msps)).count();
            *left_out == 0 && incomplete == 0
        }
    }
}

fn push_msps_of_need<'a>(need: &'a Need, msps: &mut BTreeSet<&'a str>) -> bool {
    match need {
        Need::Principal(PrincipalNeed { msp_id: Some(msp_id), .. }) => {
            msps.insert(msp_id);
            true
        }
        Need::Principal(_) => false,
        Need::OutOf(need) => {
            let incomplete = need.rules.iter().filter(|rule| !push_msps_of_need(rule, msps)).count();
            need.left_out == 0 && incomplete == 0
        }
    }
}

/// The first of several texts, and how many more there are.
fn some_of(texts: Vec<String>, left_out: usize) -> String {
    if texts.is_empty() {
        return "no valid signature".to_owned();
    }
    let more = texts.len().saturating_sub(NAMED_MAX).saturating_add(left_out);
    let named: Vec<String> = texts.into_iter().take(NAMED_MAX).collect();
    match more {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// The widest of several texts, leaving out what would push all others far to the right.
fn width<'a>(texts: impl Iterator<Item = &'a String>) -> usize {
    texts.map(|text| text.chars().count()).filter(|&count| count <= ALIGNED_MAX).max().unwrap_or_default()
}
