//! `/proc/PID/smaps_rollup`: what memory a process takes, shared pages by halves, thirds and so on.

use std::{fs, io};

use serde::Serialize;

use super::stat::pids;

/// The memory of a process tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TreeMemory {
    /// Proportional set size in KiB: each page divided by the number of processes that share it, so that the
    /// sum over a tree counts no page twice.
    pub pss_kib: u64,
    /// How many processes live.
    pub processes: usize,
}

/// The memory of process `root` and its descendants; all 0 when it does not run.
///
/// # Errors
/// When a process of somebody else is among them and this is not root.
pub fn memory(root: u32) -> io::Result<TreeMemory> {
    let mut sum = TreeMemory { pss_kib: 0, processes: 0 };
    for pid in pids(root, &super::stats()) {
        if let Some(pss_kib) = pss_kib(pid)? {
            sum = TreeMemory { pss_kib: sum.pss_kib + pss_kib, processes: sum.processes + 1 };
        }
    }
    Ok(sum)
}

/// `None` where the process has ended meanwhile, or is about to: then it has no memory any more.
fn pss_kib(pid: u32) -> io::Result<Option<u64>> {
    match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        Err(_) => Ok(None),
    }
}

fn parse(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_whole_is_read_and_not_those_of_its_parts() {
        for (text, kib) in [
            (
                "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss:     812 kB\nPss_Anon: 7 kB\n",
                Some(812),
            ),
            ("Rss: 900 kB\nPss_Anon: 7 kB\n", None),
            ("Pss: many kB\n", None),
            ("", None),
        ] {
            assert_eq!(parse(text), kib, "{text:?}");
        }
    }

    #[test]
    fn this_process_has_memory_and_one_that_never_was_has_none() {
        let own = memory(std::process::id()).unwrap();
        assert!(own.pss_kib > 0 && own.processes >= 1, "{own:?}");
        assert_eq!(memory(u32::MAX).unwrap(), TreeMemory { pss_kib: 0, processes: 0 });
    }
}
