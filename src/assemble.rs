//! Puts a sensor together from its configuration. Names of all crates meet here.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use sensor_archive::DirectoryArchive;
use sensor_ingress::{Door, Gate, HandedIn, Intake, ListenerPlan, Security, Settings, TlsIdentity};
use sensor_mail::{Envelope, MailIds};
use sensor_pipeline::{Executor, Pipeline};
use sensor_spool::{Clock, OpenError, RealDisk, Runner, Spool};
use tokio_rustls::TlsAcceptor;

use crate::config::{Config, ListenerConfig};
use crate::host::advice;
use crate::look::{Looking, Scanners};

/// A sensor that is ready to take mail.
pub(crate) struct Node {
    pub(crate) door: Arc<Door>,
    pub(crate) gate: Gate,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) spool: Spool<Envelope>,
    pub(crate) identity: Option<TlsIdentity>,
    /// None where nothing is to be looked into.
    pub(crate) looking: Option<Looking>,
}

/// Opens everything that the configuration names, behind the sockets that were handed in for its listeners, with
/// its scanners. Must be called within a runtime.
pub(crate) fn assemble(
    config: &Config,
    scanners: &Scanners,
    handed_in: Vec<HandedIn>,
) -> anyhow::Result<Node> {
    let clock: Clock = Arc::new(unix_millis);
    let spool = open_spool(config, &clock)?;
    let archive_dir = &config.archive_dir;
    let archive_disk = RealDisk::new(archive_dir)
        .map_err(|error| not_usable("the archive directory", archive_dir, &error))?;
    let archive = Arc::new(DirectoryArchive::new(Arc::new(archive_disk)));
    let looking = config
        .scan
        .enabled
        .then(|| Looking::open(config, scanners, Arc::clone(&archive) as _, &clock))
        .transpose()?;
    let jobs = looking.as_ref().map(|looking| looking.jobs.clone());
    let pipeline = Pipeline::new(spool.clone(), archive, jobs, pipeline_options(config), Arc::clone(&clock));
    let identity = identity(config, &config.tls_dir())?;
    let ids = MailIds::new(config.node, salt()?);
    let intake = Intake::new(spool.clone(), ids, config.node, clock, config.spool.commit_deadline);
    let door = Arc::new(Door::new(intake, door_settings(config)));
    let plans = listener_plans(config, identity.as_ref())?;
    let names = plans.iter().map(|plan| plan.name.to_string()).collect::<Vec<_>>().join(", ");
    let gate = Gate::new(Arc::clone(&door), plans, handed_in).with_context(|| {
        format!("each socket of the service manager needs a listener of its name (there is {names})")
    })?;
    Ok(Node { door, gate, pipeline, spool, identity, looking })
}

/// What of the configuration the door is held to.
pub(crate) fn door_settings(config: &Config) -> Settings {
    let smtp = &config.smtp;
    Settings {
        rules: smtp.rules.clone(),
        grace: config.grace,
        bare_newline: smtp.bare_newline,
        slots: smtp.slots,
        addresses: config.log.addresses,
        hostname: config.hostname.as_str().into(),
        limits: smtp.limits.clone(),
        timeouts: smtp.timeouts.clone(),
    }
}

fn open_spool(config: &Config, clock: &Clock) -> anyhow::Result<Spool<Envelope>> {
    let directory = config.spool_dir();
    let disk = RealDisk::new(&directory).map_err(|error| not_usable("the spool in", &directory, &error))?;
    let options = sensor_spool::Options {
        segment_octets: config.spool.segment,
        prepared_octets: config.spool.prepared,
        reserve_octets: config.spool.reserve,
        reserve_inodes: config.spool.reserve_inodes,
        memory_octets: config.spool.memory,
        clock: Arc::clone(clock),
        ..sensor_spool::Options::default()
    };
    // What recovery found is in the log already.
    let opened = Spool::open(Arc::new(disk), options, Runner::Thread);
    let (spool, _) = opened.map_err(|error| match error {
        OpenError::Locked => anyhow::anyhow!(
            "another mailsensor runs with this state_dir ({} is locked); each needs its own",
            directory.display()
        ),
        OpenError::Io { doing, source } => not_usable("the spool in", &directory, &source).context(doing),
        error
        @ (OpenError::UnknownVersion { .. } | OpenError::UnknownKind { .. } | OpenError::Options(_)) => {
            anyhow::Error::new(error).context(format!("cannot use the spool in {}", directory.display()))
        }
    })?;
    Ok(spool)
}

/// What the system says of a place, who asked, and what to do.
pub(crate) fn not_usable(what: &str, path: &Path, error: &std::io::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot use {what} {}: {error}{}", path.display(), advice(error))
}

fn pipeline_options(config: &Config) -> sensor_pipeline::Options {
    sensor_pipeline::Options {
        paused: config.pipeline.paused,
        workers: config.pipeline.workers,
        group_messages_max: config.pipeline.group,
        executor: Executor::Threads,
    }
}

/// The certificate to show, the self-signed one of `tls_dir` where none is configured; none where no listener
/// speaks TLS.
pub(crate) fn identity(config: &Config, tls_dir: &Path) -> anyhow::Result<Option<TlsIdentity>> {
    if !speaks_tls(config) {
        return Ok(None);
    }
    let identity = match &config.smtp.certificate {
        Some(files) => TlsIdentity::load(files),
        None => TlsIdentity::self_signed(tls_dir, &config.hostname),
    };
    Ok(Some(identity.context("no certificate to show")?))
}

/// Whether any listener does.
pub(crate) fn speaks_tls(config: &Config) -> bool {
    config.smtp.listeners.iter().any(|listener| listener.security != Security::None)
}

/// What of the configuration the gate is held to.
pub(crate) fn listener_plans(
    config: &Config,
    identity: Option<&TlsIdentity>,
) -> anyhow::Result<Vec<ListenerPlan>> {
    config.smtp.listeners.iter().map(|listener| listener_plan(listener, identity)).collect()
}

fn listener_plan(listener: &ListenerConfig, identity: Option<&TlsIdentity>) -> anyhow::Result<ListenerPlan> {
    let cannot = || format!("listener {}: client certificates cannot be judged", listener.name);
    let reception = Arc::new(listener.reception().with_context(cannot)?);
    let tls = match listener.security {
        Security::None => None,
        Security::Opportunistic | Security::Required | Security::Implicit => {
            let identity = identity.context("no certificate to show")?;
            Some(TlsAcceptor::from(identity.server_config_for(&reception.client_certificates)))
        }
    };
    Ok(ListenerPlan {
        name: listener.name.as_str().into(),
        address: listener.address,
        security: listener.security,
        tls,
        reception,
    })
}

fn salt() -> anyhow::Result<u64> {
    let mut octets = [0; 8];
    aws_lc_rs::rand::fill(&mut octets).ok().context("the system gives no random octets")?;
    Ok(u64::from_ne_bytes(octets))
}

#[expect(clippy::disallowed_methods, reason = "the one clock of the program")]
pub(crate) fn unix_millis() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Whether a directory is held in memory: what it has synced is lost with the power.
pub(crate) fn is_in_memory(directory: &Path) -> bool {
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    let existing = directory.ancestors().find(|ancestor| ancestor.exists());
    let status = existing.and_then(|existing| rustix::fs::statfs(existing).ok());
    status.is_some_and(|status| status.f_type == TMPFS_MAGIC)
}
