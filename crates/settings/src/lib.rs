//! Layers of settings, read key by key, with the place of every value and of every fault.
//!
//! ```text
//! built-in < mailsensor.toml < conf.d/*.toml < runtime.toml < MAILSENSOR__SMTP__ENABLED     Sources, later ones win
//!                                  |
//!                               Reader --- table("smtp") --- boolean(key, default), read(key, form, default), ...
//!                                  |                              typed values for the section that asks
//!                               finish()
//!                              /        \
//!                          Shown        Faults         each value with its origin | every fault with its place
//! ```
//!
//! A section of the program asks for its keys and gets typed values. In doing so it says what each key means,
//! so that `config show`, a commented file of all defaults, a JSON Schema, the list of what a reload changes
//! and the check for unknown keys follow from the code that reads, and cannot disagree with it.
//!
//! [`Layers`] does this with the files of a host: it reads them, reads them again on a reload, and keeps what
//! is changed at run time in a layer of its own.
//!
//! Promised: all faults of all sources are found in one go, syntax included; each has file, line and column;
//! a key that nobody asked for is a fault. Where a value is faulty the default stands in, so that reading
//! goes on, but [`Reader::finish`] gives no settings then: whole or not at all. A change at run time is checked
//! first and durable before it is in force. Secrets are shown nowhere.
//!
//! ```
//! use sensor_settings::{Form, Key, Reader, Reload, Source};
//!
//! let reader = Reader::new(vec![Source::file("mailsensor.toml", "[smtp]\nenabled = false\n")]);
//! let smtp = reader.table("smtp", "How mail comes in.");
//! let enabled = smtp.boolean(Key::new("enabled", "Whether mail is taken.", Reload::Live), true);
//! let state = reader.root().read(
//!     Key::new("state_dir", "Where state is kept.", Reload::Restart),
//!     &Form::path(),
//!     "/var/lib/mailsensor",
//! );
//! let shown = reader.finish().expect("nothing else is set");
//! assert!(!enabled && state.is_absolute());
//! assert!(shown.to_toml_with_origins().contains("enabled = false  # mailsensor.toml:2"));
//! ```
//!
//! Left out on purpose: no variables are read here (they are arguments), and no section is known.

mod convert;
mod difference;
mod durable;
mod excerpt;
mod fault;
mod file;
mod form;
mod glance;
mod key;
mod layers;
mod ledger;
mod proposal;
mod reader;
mod schema;
mod secret;
mod shown;
mod source;
mod table;
mod tree;
mod unknown;

pub use convert::ItemFault;
pub use difference::Difference;
pub use durable::replace_file;
pub use fault::{Fault, Faults, Position};
pub use file::DROP_INS_MAX;
pub use form::Form;
pub use glance::Told;
pub use key::{Key, Kind, Reload};
pub use layers::{Effective, Layers, MainFile, Places};
pub use proposal::{Change, KeepError, Overridden, Proposal, Refused};
pub use reader::Reader;
pub use secret::{SECRET_OCTETS_MAX, Secret};
pub use shown::{Record, Section, Shown};
pub use source::{Origin, SOURCE_OCTETS_MAX, Source};
pub use table::{Table, TableKind};
pub use toml::Value;
