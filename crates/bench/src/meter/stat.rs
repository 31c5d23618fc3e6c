//! The lines of `/proc/PID/stat` and `/proc/stat` (proc(5)).

/// CPU seconds of a process tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TreeCpu {
    /// Spent in the programs.
    pub user: f64,
    /// Spent in the kernel for them.
    pub system: f64,
    /// How many processes live.
    pub processes: usize,
}

impl TreeCpu {
    /// User and system together.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.user + self.system
    }
}

/// CPU seconds of all cores since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostCpu {
    /// Spent on anything but idling.
    pub busy: f64,
    /// Taken by the host of a virtual machine.
    pub stolen: f64,
}

impl HostCpu {
    /// Reads the first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
    pub(super) fn parse(text: &str, ticks_per_second: f64) -> Option<Self> {
        let line = text.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<f64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
        let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks[..] else { return None };
        let busy = (user + nice + system + irq + softirq) / ticks_per_second;
        Some(Self { busy, stolen: steal / ticks_per_second })
    }
}

/// What one process has used, in ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ProcessStat {
    pid: u32,
    parent: u32,
    user: u64,
    system: u64,
    waited_user: u64,
    waited_system: u64,
}

impl ProcessStat {
    /// The second field is the name in parentheses and may hold spaces and parentheses itself, so counting
    /// starts behind the last `)`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let pid = text.split_once(' ')?.0.parse().ok()?;
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            user: number(11)?,
            system: number(12)?,
            waited_user: number(13)?,
            waited_system: number(14)?,
        })
    }

    pub(super) fn own_ticks(&self) -> u64 {
        self.user + self.system
    }
}

/// Adds up `root` and its descendants.
pub(super) fn sum_tree(root: u32, all: &[ProcessStat], ticks_per_second: f64) -> Option<TreeCpu> {
    let members = members(root, all);
    if members.is_empty() {
        return None;
    }
    let seconds =
        |ticks: fn(&ProcessStat) -> u64| members.iter().map(ticks).sum::<u64>() as f64 / ticks_per_second;
    Some(TreeCpu {
        user: seconds(|stat| stat.user + stat.waited_user),
        system: seconds(|stat| stat.system + stat.waited_system),
        processes: members.len(),
    })
}

/// `root` and its descendants.
pub(super) fn pids(root: u32, all: &[ProcessStat]) -> Vec<u32> {
    members(root, all).iter().map(|stat| stat.pid).collect()
}

fn members(root: u32, all: &[ProcessStat]) -> Vec<ProcessStat> {
    let mut members: Vec<_> = all.iter().copied().filter(|stat| stat.pid == root).collect();
    let mut next = 0;
    while let Some(parent) = members.get(next).map(|stat| stat.pid) {
        members.extend(all.iter().filter(|stat| stat.parent == parent && stat.pid != root));
        next += 1;
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        for name in ["(smtpd)", "(a b)", "(x) R 9 9 (y)"] {
            let line = format!("17 {name} S 3 17 17 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 1 0 99");
            let stat =
                ProcessStat { pid: 17, parent: 3, user: 50, system: 60, waited_user: 7, waited_system: 8 };
            assert_eq!(ProcessStat::parse(&line), Some(stat), "{name}");
        }
    }

    #[test]
    fn what_is_no_stat_line_is_nothing() {
        for line in ["", "17", "17 (x) S", "x (y) S 3 17 17 0 -1 4194560 1 2 3 4 50 60 7 8", "17 (x S 3 4"] {
            assert_eq!(ProcessStat::parse(line), None, "{line}");
        }
        assert_eq!(HostCpu::parse("cpu  1 2 3", 1.0), None);
    }

    #[test]
    fn the_machine_is_busy_when_it_neither_idles_nor_waits() {
        let host = HostCpu::parse("cpu  100 10 200 9999 9999 3 7 50 0 0\ncpu0 1 2", 10.0);
        assert_eq!(host, Some(HostCpu { busy: 32.0, stolen: 5.0 }));
    }

    #[test]
    fn a_tree_holds_descendants_and_what_was_waited_for_and_nobody_else() {
        let stat = |pid, parent, user, waited_user| ProcessStat {
            pid,
            parent,
            user,
            waited_user,
            system: 1,
            waited_system: 0,
        };
        let all = [
            stat(1, 0, 1_000, 0),
            stat(9, 5, 3, 0),
            stat(5, 1, 20, 100),
            stat(12, 9, 7, 0),
            stat(6, 1, 500, 0),
        ];
        let tree = TreeCpu { user: 13.0, system: 0.3, processes: 3 };
        assert_eq!(sum_tree(5, &all, 10.0), Some(tree));
        assert_eq!(sum_tree(77, &all, 10.0), None);
        assert_eq!((pids(5, &all), pids(77, &all)), (vec![5, 9, 12], vec![]));
    }
}
