//! `mailsensor run`: takes mail until it is told to stop.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sensor_control::{Control, Limits, Options, Token};
use sensor_ingress::{BindError, HandedIn, ListenerState, ListenerStatus, TURNED_AWAY_MAX};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::trial::Trial;
use super::{CONFIG_FAULTS, configured};
use crate::assemble::{Node, assemble, is_in_memory};
use crate::cli::{Place, SendTls};
use crate::config::{Config, ListenerConfig, Loaded, shown_path, strange_variables};
use crate::host::certificate_faults;
use crate::log::LogGuard;
use crate::look::Scanners;
use crate::sensor::{Sensor, listening};
use crate::shutdown::{Running, Signals};
use crate::systemd;

pub(crate) fn run(place: &Place) -> anyhow::Result<ExitCode> {
    let loaded = match configured(place)? {
        Ok(loaded) => loaded,
        Err(status) => return Ok(status),
    };
    // Before anything is made: another start does not mend them.
    let faults = certificate_faults(&loaded.config);
    if !faults.is_empty() {
        eprintln!("{}", faults.join("\n"));
        return Ok(ExitCode::from(CONFIG_FAULTS));
    }
    let scanners = match Scanners::install(&loaded.config, &loaded.shown) {
        Ok(scanners) => scanners,
        Err(faults) => {
            faults.iter().for_each(|fault| eprintln!("{fault}"));
            return Ok(ExitCode::from(CONFIG_FAULTS));
        }
    };
    // Before the log has its thread.
    let handed_in = systemd::handed_in()?;
    let log = crate::log::start(&loaded.config.log)?;
    for variable in strange_variables() {
        tracing::warn!(variable, "a variable of the environment is no setting");
    }
    // Mail is for its owner and, at most, a group that may read the archive.
    rustix::process::umask(rustix::fs::Mode::WGRP | rustix::fs::Mode::RWXO);
    raise_descriptor_limit(loaded.config.smtp.slots.connections);
    let runtime = runtime(loaded.config.threads)?;
    let served = runtime.block_on(serve(loaded, scanners, handed_in, &log));
    // A thread that hangs in a system call must not keep the process from ending.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

/// Where sessions are served. The other half of the processors is for what goes on behind them: the spool's
/// writer, keeping, the log. One thread needs none of what lets several share their tasks.
fn runtime(threads: usize) -> io::Result<Runtime> {
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, |processors| processors.get().div_ceil(2)),
        threads => threads,
    };
    let mut builder = if threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.worker_threads(threads).thread_name("sensor").enable_all().build()
}

async fn serve(
    loaded: Loaded,
    scanners: Scanners,
    handed_in: Vec<HandedIn>,
    log: &LogGuard,
) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let about = About::of(&loaded);
    let is_enabled = loaded.config.smtp.rules.enabled;
    let node = assemble(&loaded.config, &scanners, handed_in)?;
    let options = control_options(&loaded.config);
    let token = Token::load_or_create(&loaded.config.state_dir)?;
    let token_path = shown_path(token.path());
    let sensor = Sensor::new(&node, loaded);
    let control = Control::bind(Arc::clone(&sensor) as Arc<dyn sensor_control::Node>, token, options)?;
    // Last of what can fail: no mail is taken by a sensor that does not start. Off: nothing listens, so that a
    // sender behind round-robin DNS goes to the next address at once.
    if is_enabled {
        node.gate.enable().await.map_err(not_bound)?;
    }
    // Mail is taken by now; that nobody reads is no reason to stop.
    if let Err(error) = about.print(&node, &control, &token_path) {
        tracing::warn!(%error, "where mail is taken cannot be said on standard output");
    }
    systemd::ready(&listening::line(&node.gate));
    systemd::watch();
    let controlled = CancellationToken::new();
    let control = tokio::spawn(control.run(controlled.clone()));
    let running = start(node);
    let broken = tokio::select! {
        biased;
        () = signals.end(&sensor, log) => false,
        () = sensor.going_down().cancelled() => false,
        () = running.broken.cancelled() => true,
    };
    sensor.going_down().cancel();
    if broken {
        tracing::error!("the spool ended by itself: the sensor goes down, so that it is started again");
    }
    systemd::stopping(Running::end_time_max(sensor.drain_deadline()));
    tokio::select! {
        biased;
        () = signals.end(&sensor, log) => tracing::warn!("told twice: connections are cut, what is in work is left"),
        () = running.drain(sensor.drain_deadline()) => {}
    }
    // Last, so that whoever asks is told that it goes down.
    controlled.cancel();
    if let Err(error) = control.await {
        tracing::error!(%error, "the control plane ended badly");
    }
    anyhow::ensure!(!broken, "the spool ended by itself; what was accepted is on its disk");
    Ok(())
}

fn control_options(config: &Config) -> Options {
    Options {
        address: config.control.address,
        socket: config.control_socket(),
        hosts: config.control.hosts.clone(),
        limits: Limits::default(),
    }
}

/// Every listener that cannot be had, in one error.
fn not_bound(faults: Vec<BindError>) -> anyhow::Error {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("{}", faults.join("\n"))
}

fn start(node: Node) -> Running {
    let working = CancellationToken::new();
    let broken = CancellationToken::new();
    let (work, ended) = (node.pipeline.run(working.clone()), broken.clone().drop_guard());
    let pipeline = tokio::spawn(async move {
        let _ended = ended;
        work.await;
    });
    let slots = Arc::clone(&node.door.slots);
    let looking = node.looking.map(|looking| looking.start(&working));
    Running { gate: node.gate, slots, working, broken, pipeline, looking, spool: node.spool }
}

/// What is said at the start; taken from the configuration before it is used up.
struct About {
    config_file: Option<String>,
    archive: String,
    spool: String,
    rules: String,
    listeners: Vec<ListenerConfig>,
    paused: bool,
    looks: Option<String>,
    in_memory: bool,
}

impl About {
    fn of(loaded: &Loaded) -> Self {
        let config = &loaded.config;
        Self {
            config_file: loaded.file.as_deref().map(shown_path),
            archive: shown_path(&std::path::absolute(&config.archive_dir).unwrap_or_default()),
            spool: shown_path(&std::path::absolute(config.spool_dir()).unwrap_or_default()),
            rules: rules_line(config),
            listeners: config.smtp.listeners.clone(),
            paused: config.pipeline.paused,
            looks: looks_line(config),
            in_memory: is_in_memory(&config.state_dir),
        }
    }

    /// For a person, and for whoever starts the sensor and waits for `ready`.
    fn print(&self, node: &Node, control: &Control, token: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let config =
            self.config_file.as_deref().unwrap_or("built-in defaults (mailsensor config init prints a file)");
        writeln!(out, "mailsensor {}, configuration: {config}", env!("CARGO_PKG_VERSION"))?;
        let listeners = node.gate.status().listeners;
        for line in listening::lines(&listeners) {
            writeln!(out, "{line}")?;
        }
        if let Some(identity) = &node.identity {
            writeln!(out, "shows the certificate with SHA-256 {}", identity.fingerprint())?;
        }
        writeln!(out, "takes {}", self.rules)?;
        match self.paused {
            true => writeln!(out, "leaves it in {}: pipeline.paused is true", self.spool)?,
            false => writeln!(out, "keeps it in {}", self.archive)?,
        }
        if let Some(looks) = &self.looks {
            writeln!(out, "{looks}")?;
        }
        match control.address() {
            Some(address) => writeln!(out, "is controlled at http://{address} with the token in {token}")?,
            None => writeln!(out, "is controlled at {} only", control.socket_path().display())?,
        }
        if self.in_memory {
            writeln!(out, "warning: that is in memory (tmpfs): mail does not outlive the power")?;
        }
        if let Some(line) = trial_line(&open(&self.listeners, &listeners)) {
            writeln!(out, "{line}")?;
        }
        writeln!(out, "ready")?;
        out.flush()
    }
}

/// The listeners that take mail, each at its real address.
fn open(listeners: &[ListenerConfig], states: &[ListenerStatus]) -> Vec<ListenerConfig> {
    let real = |listener: &ListenerConfig| {
        let is_it =
            |status: &&ListenerStatus| status.state == ListenerState::Open && *status.name == *listener.name;
        let address = states.iter().find(is_it)?.address;
        Some(ListenerConfig { address, ..listener.clone() })
    };
    listeners.iter().filter_map(real).collect()
}

/// How a person on this host tries it; none where nothing is open.
fn trial_line(open: &[ListenerConfig]) -> Option<String> {
    if open.is_empty() {
        return None;
    }
    let Some(Trial { server, tls, .. }) = Trial::by(open, None) else {
        let line = "try it from elsewhere: of this host each listener wants a PROXY header or a certificate";
        return Some(line.to_owned());
    };
    let tls = match tls {
        None => "",
        Some(SendTls::Starttls) => " --tls",
        Some(SendTls::Implicit) => " --tls-on-connect",
    };
    let (host, port) = (server.ip(), server.port());
    Some(format!(
        "try it: swaks --server {host} --port {port}{tls} --from ada@example.com --to bob@example.com"
    ))
}

/// None where nothing is looked into.
fn looks_line(config: &Config) -> Option<String> {
    if !config.scan.enabled || config.pipeline.paused {
        return None;
    }
    let names: Vec<&str> = config.scanners.iter().map(|scanner| &*scanner.name).collect();
    Some(match names.is_empty() {
        true => "takes it apart; no [[scanner]] looks into it (mailsensor scanners ls)".to_owned(),
        false => format!("looks into it with {}", names.join(", ")),
    })
}

fn rules_line(config: &Config) -> String {
    let rules = &config.smtp.rules;
    let size = match rules.size.octets() {
        None => "of any size".to_owned(),
        Some(octets) => format!("up to {octets} octets"),
    };
    format!("mail {size}; {}; {}", rules.default_of_domains(), rules.default_of_clients())
}

/// Descriptors that are not connections: segments, files being kept, listeners, the runtime's own.
const OTHER_DESCRIPTORS: u64 = 256;

/// Raises the soft limit as far as the hard one lets it, and says so where that is too little.
fn raise_descriptor_limit(connections: u32) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        tracing::warn!(soft = current, hard = maximum, "the limit of descriptors cannot be raised");
    }
    let have = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let want = u64::from(connections) + u64::from(TURNED_AWAY_MAX) + OTHER_DESCRIPTORS;
    if have < want {
        tracing::warn!(
            have,
            want,
            "fewer descriptors than smtp.limits.connections needs: raise the hard limit"
        );
    }
}
