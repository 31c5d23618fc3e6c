//! What can be typed: the commands, their options and what `--help` says.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sensor_mail::MailId;

/// A mail sensor: takes copies of mail over SMTP, makes them durable before it says 250, and keeps them
/// byte for byte.
#[derive(Debug, Parser)]
#[command(name = "mailsensor", version, max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which configuration, and where the state is.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Place {
    /// The configuration file [default: /etc/mailsensor/mailsensor.toml if it exists, else built-in defaults]
    #[arg(long, global = true, value_name = "FILE", env = "MAILSENSOR_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Use this state directory, whatever the configuration says
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take mail until SIGTERM or SIGINT
    Run,
    /// Read the configuration and name every fault in it; exit status 78 if there is one
    Check,
    /// Write or show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the rules what they would do
    #[command(subcommand)]
    Rules(RulesCommand),
    #[command(flatten)]
    Operate(OperateCommand),
    /// Look at what is accepted but not kept yet; reads beside a running sensor
    #[command(subcommand)]
    Spool(SpoolCommand),
    /// Read mail back, from the archive or the spool
    #[command(subcommand)]
    Message(MessageCommand),
    /// See which kept mail a required scanner has still to see, have it tried, or give it up
    #[command(subcommand)]
    Unscanned(UnscannedCommand),
    /// Try the scanners of the configuration
    #[command(subcommand)]
    Scanners(ScannersCommand),
    /// Look into files as into kept mail, and say what is in them and what is held of it
    ///
    /// Exit status, of several files the gravest: 0 clean, 10 undetermined, 11 suspect, 12 hostile; 1 where a file
    /// could not be looked at.
    Scan(Scan),
    /// Take mail apart for the sensor that started this; nothing to be typed by a person
    #[command(hide = true)]
    Worker,
    /// Send a test message, and say what became of it and what to do about it
    ///
    /// Exit status: 0 accepted, 75 to be tried again later, 1 refused or not answered.
    Send(Send),
    /// Print a script that completes commands and options in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all commands
    Man {
        /// Write them to this directory, which must exist
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
    },
    /// Say which version this is
    Version,
}

/// What a running sensor is asked and told, over the socket in its state directory.
#[derive(Debug, Subcommand)]
pub(crate) enum OperateCommand {
    /// Say what the running sensor is doing
    Status(Told),
    /// Take mail: open the listeners
    Enable(Told),
    /// Take no mail: listeners close, transactions in progress end
    Disable(Told),
    /// Change a setting of the running sensor; it holds at once and after a restart
    Set {
        /// Such as enabled=false, clients=10.0.0.0/8,!10.9.0.0/16, message_size_limit='50 MiB'; `key=` alone
        /// makes a list empty
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<String>,
        #[command(flatten)]
        how: Told,
        #[command(flatten)]
        meant: Meant,
    },
    /// Take back what was set at run time: the configuration files say again what holds
    Reset {
        /// Such as clients
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
        #[command(flatten)]
        how: Told,
        #[command(flatten)]
        meant: Meant,
    },
    /// Read the configuration again, whole or not at all
    Reload(Told),
    /// End as with SIGTERM: transactions in progress end, then the sensor does
    Drain(Told),
    /// Refuse for good at once what the rules before the last change would have taken
    EndGrace(Told),
}

/// How the answer is printed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Told {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a change is meant.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Meant {
    /// Only say what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also where it turns the default of a list around
    #[arg(long)]
    pub(crate) confirm: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a configuration with every key, its default and its meaning
    Init,
    /// Print each setting in force, where it comes from, and whether a change of it needs a restart
    Show,
    /// Print a JSON Schema of the configuration, for editors and programs
    Schema,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Say what a client would be answered, and which rule decides
    Explain(Explain),
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The client's address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) client: IpAddr,
    /// A recipient; may be given several times
    #[arg(long, value_name = "MAILBOX")]
    pub(crate) rcpt: Vec<String>,
    /// The size that the client declares, such as 20MiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) size: Option<String>,
    /// The address of this host that the client connects to [default: a likely one]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) local: Option<IpAddr>,
    /// Ask the sensor that runs, not the configuration: what was set or narrowed meanwhile counts
    #[arg(long)]
    pub(crate) running: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Send {
    /// The recipient
    #[arg(long, value_name = "MAILBOX")]
    pub(crate) to: lettre::Address,
    /// The sender; not given: the null reverse path <>, as of a bounce
    #[arg(long, value_name = "MAILBOX")]
    pub(crate) from: Option<lettre::Address>,
    /// The server [default: the first listener of the configuration that takes a test from this host]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) server: Option<String>,
    /// Use TLS, whatever certificate is shown; its fingerprint is printed [default without --server: as the
    /// listener wants it]
    #[arg(long, value_name = "HOW", require_equals = true, num_args = 0..=1, default_missing_value = "starttls")]
    pub(crate) tls: Option<SendTls>,
    /// The message, header and body; lines may end in LF [default: a short test message]
    #[arg(value_name = "FILE")]
    pub(crate) message: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Scan {
    /// Messages as they are sent, header and body
    #[arg(value_name = "FILE", required_unless_present = "stdin")]
    files: Vec<PathBuf>,
    /// Look into standard input too
    #[arg(long)]
    stdin: bool,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

impl Scan {
    /// What to look into; `-` is standard input.
    pub(crate) fn sources(&self) -> Vec<PathBuf> {
        let stdin = self.stdin.then(|| PathBuf::from("-"));
        stdin.into_iter().chain(self.files.iter().cloned()).collect()
    }
}

/// What a required scanner has still to see.
#[derive(Debug, Subcommand)]
pub(crate) enum UnscannedCommand {
    /// List it, oldest first; reads beside a running sensor
    Ls {
        /// Only what this scanner has still to see
        #[arg(long, value_name = "NAME")]
        scanner: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Have the scanners tried again now
    Retry(Chosen),
    /// Give it up: the record says that nobody looked
    Drop(Chosen),
}

/// Messages that are chosen.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Chosen {
    /// The messages' ids
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<MailId>,
    /// All of them
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScannersCommand {
    /// List the kinds that this program has, and the scanners of the configuration
    Ls,
    /// Send each its test string, and say what works and what to do
    ///
    /// Exit status: 0 all of them work, 1 otherwise.
    Test {
        /// Only these
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SendTls {
    /// After STARTTLS
    Starttls,
    /// With the connection (RFC 8314)
    Implicit,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SpoolCommand {
    /// List what is in the spool, oldest first
    Ls {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show the envelope and the state of one message, as JSON
    Show {
        /// The message's id
        id: MailId,
    },
    /// Write the bytes of one message to standard output
    Export {
        /// The message's id
        id: MailId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum MessageCommand {
    /// List kept mail, newest first
    Ls {
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "COUNT")]
        limit: usize,
        /// Only mail accepted on this day (UTC), such as 2026-11-22
        #[arg(long, value_name = "DAY")]
        day: Option<jiff::civil::Date>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show the record of one message, as JSON
    Show {
        /// The message's id
        id: MailId,
    },
    /// Have a running sensor look into messages anew, by all scanners; what was seen before stays in the record
    Rescan {
        /// The messages' ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<MailId>,
    },
    /// Write the bytes of one message to standard output, after checking them against their digest
    Cat {
        /// The message's id
        id: MailId,
        /// Also where a rule has quarantined it
        #[arg(long)]
        quarantined: bool,
    },
}
