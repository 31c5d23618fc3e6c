//! The system calls that a worker needs. All others do not exist for it (`ENOSYS`): libraries then do what they do
//! on an older kernel, and a call that was forgotten here costs a feature and not the process.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use super::protocol::Setup;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Memory, descriptors that are open already, threads, time, the end. No paths, no sockets.
const WORK: &[i64] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_ppoll,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_ftruncate,
    libc::SYS_fcntl,
    libc::SYS_memfd_create,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// To read files by their names: which ones is Landlock's to say.
const READING: &[i64] = &[libc::SYS_openat, libc::SYS_newfstatat, libc::SYS_getdents64, libc::SYS_readlinkat];

/// To start a program and to be one; which one is Landlock's to say.
const RUNNING: &[i64] = &[
    libc::SYS_clone,
    libc::SYS_execve,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_kill,
    libc::SYS_pipe2,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_set_tid_address,
    libc::SYS_getcwd,
    libc::SYS_chdir,
    libc::SYS_umask,
    libc::SYS_uname,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_ioctl,
    libc::SYS_fadvise64,
];

/// Whose first argument is a descriptor.
const ON_DESCRIPTORS: &[i64] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_ftruncate,
    libc::SYS_fcntl,
    libc::SYS_openat,
    libc::SYS_newfstatat,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_ioctl,
    libc::SYS_fadvise64,
];

/// What only the older of the two architectures has.
#[cfg(target_arch = "x86_64")]
mod of_architecture {
    pub(super) const ON_DESCRIPTORS: &[i64] = &[libc::SYS_dup2];
    pub(super) const WORK: &[i64] = &[libc::SYS_poll];
    pub(super) const RUNNING: &[i64] = &[
        libc::SYS_vfork,
        libc::SYS_fork,
        libc::SYS_dup2,
        libc::SYS_access,
        libc::SYS_readlink,
        libc::SYS_pipe,
        libc::SYS_arch_prctl,
    ];
}

#[cfg(not(target_arch = "x86_64"))]
mod of_architecture {
    pub(super) const ON_DESCRIPTORS: &[i64] = &[];
    pub(super) const WORK: &[i64] = &[];
    pub(super) const RUNNING: &[i64] = &[];
}

/// Takes all other calls from this process and its threads, for good, and all of them on the descriptors of these
/// numbers, which are in order: nothing can be done with them, so that no number of them is given anew either.
pub(super) fn restrict(setup: &Setup, inherited: &[u32]) -> Result<(), String> {
    let text = |error: seccompiler::BackendError| error.to_string();
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(text)?;
    let absent = SeccompAction::Errno(u32::try_from(libc::ENOSYS).expect("a small number"));
    let rules = rules(setup, inherited).map_err(text)?;
    let filter = SeccompFilter::new(rules, absent, SeccompAction::Allow, architecture);
    let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(text)?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
}

fn rules(setup: &Setup, inherited: &[u32]) -> Result<Rules, seccompiler::BackendError> {
    let mut rules = Rules::new();
    allow(&mut rules, WORK);
    allow(&mut rules, of_architecture::WORK);
    allow_to_itself(&mut rules)?;
    if setup.runs.is_empty() {
        allow_threads(&mut rules)?;
    } else {
        allow(&mut rules, RUNNING);
        allow(&mut rules, of_architecture::RUNNING);
    }
    if !setup.reads.is_empty() || !setup.runs.is_empty() {
        allow(&mut rules, READING);
    }
    keep_from(inherited, &mut rules)?;
    // Code is what was there at the start, but for who runs programs.
    let memory = if setup.runs.is_empty() { vec![is_data()?] } else { Vec::new() };
    rules.insert(libc::SYS_mmap, on_others_than(inherited, 4, &memory)?);
    rules.insert(libc::SYS_mprotect, memory.into_iter().map(rule).collect::<Result<_, _>>()?);
    Ok(rules)
}

/// No call that is allowed by now is allowed on the descriptors of these numbers.
fn keep_from(inherited: &[u32], rules: &mut Rules) -> Result<(), seccompiler::BackendError> {
    for call in ON_DESCRIPTORS.iter().chain(of_architecture::ON_DESCRIPTORS) {
        if let Some(allowed) = rules.get_mut(call) {
            *allowed = on_others_than(inherited, 0, &[])?;
        }
    }
    Ok(())
}

/// What allows a call under these conditions, with any descriptor but these: one rule for each range between them,
/// and none at all where there is nothing to forbid.
fn on_others_than(
    inherited: &[u32],
    argument: u8,
    conditions: &[SeccompCondition],
) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    if inherited.is_empty() && conditions.is_empty() {
        return Ok(Vec::new());
    }
    let allowed = others_than(inherited).into_iter().map(|(first, last)| {
        let mut conditions = conditions.to_vec();
        conditions.push(condition(argument, SeccompCmpOp::Ge, first.into())?);
        conditions.push(condition(argument, SeccompCmpOp::Le, last.into())?);
        SeccompRule::new(conditions)
    });
    allowed.collect()
}

/// The ranges, first and last, that these numbers leave.
fn others_than(numbers: &[u32]) -> Vec<(u32, u32)> {
    let (mut ranges, mut first) = (Vec::new(), 0);
    for number in numbers {
        if let Some(last) = number.checked_sub(1).filter(|last| *last >= first) {
            ranges.push((first, last));
        }
        first = number.saturating_add(1);
    }
    ranges.push((first, u32::MAX));
    ranges
}

fn allow(rules: &mut Rules, calls: &[i64]) {
    // No rule for a call: whatever its arguments are.
    rules.extend(calls.iter().map(|&call| (call, Vec::new())));
}

/// Signals, as `abort` sends them, and limits: of this process only. A program that it runs inherits these
/// rules, and has another number: what it may not do then is to abort itself.
fn allow_to_itself(rules: &mut Rules) -> Result<(), seccompiler::BackendError> {
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![argument_is(0, SeccompCmpOp::Eq, own)?]);
    rules.insert(libc::SYS_prlimit64, vec![argument_is(0, SeccompCmpOp::Eq, 0)?]);
    Ok(())
}

/// New threads, and no new processes.
fn allow_threads(rules: &mut Rules) -> Result<(), seccompiler::BackendError> {
    let thread = constant(libc::CLONE_THREAD);
    rules.insert(libc::SYS_clone, vec![argument_is(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    Ok(())
}

/// Memory from which nothing is run.
fn is_data() -> Result<SeccompCondition, seccompiler::BackendError> {
    condition(2, SeccompCmpOp::MaskedEq(constant(libc::PROT_EXEC)), 0)
}

fn constant(flag: i32) -> u64 {
    u64::from(flag.unsigned_abs())
}

fn argument_is(
    argument: u8,
    compared: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, seccompiler::BackendError> {
    rule(condition(argument, compared, value)?)
}

fn rule(condition: SeccompCondition) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![condition])
}

fn condition(
    argument: u8,
    compared: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compared, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_between_are_left() {
        const LAST: u32 = u32::MAX;
        for (numbers, expected) in [
            (&[][..], &[(0, LAST)][..]),
            (&[3], &[(0, 2), (4, LAST)]),
            (&[3, 4, 7], &[(0, 2), (5, 6), (8, LAST)]),
            (&[0, 2], &[(1, 1), (3, LAST)]),
        ] {
            assert_eq!(others_than(numbers), expected, "{numbers:?}");
        }
    }
}
