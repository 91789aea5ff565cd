//! Figures over many calls.

use std::{collections::BTreeMap, fmt};

use embedded::agents::Bundled;
use providers::ProviderError;

use crate::{
    call::{Call, Mode, play},
    file::Caller,
};

/// How a file of callers fared.
#[derive(Clone, Debug)]
pub struct Report {
    /// The agent's id.
    pub agent: String,
    /// Every call, in the file's order.
    pub calls: Vec<Call>,
}

impl Report {
    /// Goals reached with at most two repairs.
    pub fn reached(&self) -> usize {
        self.calls
            .iter()
            .filter(|c| c.reached && c.repairs <= 2)
            .count()
    }

    /// The share of [`Report::reached`], 0 to 1.
    pub fn share(&self) -> f64 {
        self.reached() as f64 / self.calls.len().max(1) as f64
    }

    /// The most repairs of one call.
    pub fn most_repairs(&self) -> usize {
        self.calls.iter().map(|c| c.repairs).max().unwrap_or(0)
    }

    /// Goals reached and calls, by kind.
    pub fn kinds(&self) -> BTreeMap<String, (usize, usize)> {
        let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for call in &self.calls {
            let entry = kinds.entry(call.kind.clone()).or_default();
            entry.1 += 1;
            entry.0 += usize::from(call.reached && call.repairs <= 2);
        }
        kinds
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.calls.len().max(1);
        let repairs: usize = self.calls.iter().map(|c| c.repairs).sum();
        let over = self.calls.iter().filter(|c| c.repairs > 2).count();
        let turns: usize = self.calls.iter().map(|c| c.turns).sum();
        write!(
            f,
            "{:<13} {:>3}/{} reached ({:.0} %)  repairs {:.2} a call, most {}, over two {}  turns {:.1} a call ",
            self.agent,
            self.reached(),
            self.calls.len(),
            self.share() * 100.0,
            repairs as f64 / calls as f64,
            self.most_repairs(),
            over,
            turns as f64 / calls as f64
        )?;
        for (kind, (reached, all)) in self.kinds() {
            write!(f, " {kind} {reached}/{all}")?;
        }
        Ok(())
    }
}

/// Plays every caller of a file against an agent, one after the other.
///
/// # Errors
///
/// When the agent's file is broken, or voice or recogniser fail.
pub async fn run(
    agent: &Bundled,
    callers: &[Caller],
    mode: &Mode<'_>,
) -> Result<Report, ProviderError> {
    let brain = agent.scripted().map_err(|e| ProviderError::Failed {
        provider: agent.id.to_owned(),
        reason: e.to_string(),
    })?;
    let mut calls = Vec::with_capacity(callers.len());
    for (i, caller) in callers.iter().enumerate() {
        calls.push(play(caller, agent, &brain, i as u64, mode).await?);
    }
    Ok(Report {
        agent: agent.id.to_owned(),
        calls,
    })
}
