//! The system's books: cores, processor time, memory.

use std::{fs, io, num::NonZero, thread, time::Duration};

use rustix::thread::{CpuSet, sched_setaffinity};

/// How many cores there are for this process.
pub fn core_count() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Keeps this thread, and all that it starts, on one core.
pub fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// Linux counts processor time for `/proc` in hundredths of a second on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// Processor time that a process has used, its own and the system's for it.
pub(crate) fn cpu(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, which stands in brackets, may contain anything.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks: u32 = fields
        .iter()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u32>().ok())
        .sum();
    Ok(TICK * ticks)
}

/// Resident memory of a process in KiB.
pub(crate) fn resident(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| io::Error::other("the system does not say how much memory is in use"))
}

/// Hundredths of a second that all cores together have been busy since the machine started.
pub(crate) fn busy() -> io::Result<u64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().unwrap_or_default();
    let fields = line.split_whitespace().skip(1).take(8);
    // The fourth and fifth are idleness.
    Ok(fields
        .enumerate()
        .filter(|(index, _)| !matches!(index, 3 | 4))
        .filter_map(|(_, field)| field.parse::<u64>().ok())
        .sum())
}
