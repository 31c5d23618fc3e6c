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
    libc::SYS_mmap,
    libc::SYS_mprotect,
];

/// What only the older of the two architectures has.
#[cfg(target_arch = "x86_64")]
mod of_architecture {
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
    pub(super) const WORK: &[i64] = &[];
    pub(super) const RUNNING: &[i64] = &[];
}

/// Takes all other calls from this process and its threads, for good.
pub(super) fn restrict(setup: &Setup) -> Result<(), String> {
    let text = |error: seccompiler::BackendError| error.to_string();
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(text)?;
    let absent = SeccompAction::Errno(u32::try_from(libc::ENOSYS).expect("a small number"));
    let filter = SeccompFilter::new(rules(setup).map_err(text)?, absent, SeccompAction::Allow, architecture);
    let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(text)?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
}

fn rules(setup: &Setup) -> Result<Rules, seccompiler::BackendError> {
    let mut rules = Rules::new();
    allow(&mut rules, WORK);
    allow(&mut rules, of_architecture::WORK);
    allow_to_itself(&mut rules)?;
    if setup.runs.is_empty() {
        allow_threads_and_data(&mut rules)?;
    } else {
        allow(&mut rules, RUNNING);
        allow(&mut rules, of_architecture::RUNNING);
    }
    if !setup.reads.is_empty() || !setup.runs.is_empty() {
        allow(&mut rules, READING);
    }
    Ok(rules)
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

/// New threads, and memory that holds data only: what runs is what was there at the start.
fn allow_threads_and_data(rules: &mut Rules) -> Result<(), seccompiler::BackendError> {
    let constant = |flag: i32| u64::from(flag.unsigned_abs());
    let thread = constant(libc::CLONE_THREAD);
    rules.insert(libc::SYS_clone, vec![argument_is(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    let code = SeccompCmpOp::MaskedEq(constant(libc::PROT_EXEC));
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![argument_is(2, code.clone(), 0)?]);
    }
    Ok(())
}

fn argument_is(
    argument: u8,
    compared: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, seccompiler::BackendError> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compared, value)?;
    SeccompRule::new(vec![condition])
}
