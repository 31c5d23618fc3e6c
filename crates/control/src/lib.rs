//! The control plane: what an operator asks of a running sensor and tells it, over HTTP.
//!
//! ```text
//! 127.0.0.1:8465 --- Host is ours? --- token? ---.
//!                                                 >--- routes ---> Problem | JSON
//! control.sock ----- root or own uid? -----------'       |
//!      ^                                             trait Node      the sensor, as it is known here
//!   Client (the CLI)                                     |
//!                                              reads: from memory, at once
//!                                              changes: one at a time, on a thread that may block
//! ```
//!
//! Promised:
//! - Only `/livez` and `/readyz` are open, and they tell one word. Everything else needs the bearer token, or
//!   the socket.
//! - Every error is a [`Problem`] (RFC 9457); what a client sends is never answered 5yz.
//! - A change that has begun runs to its end, also when the client hangs up.
//! - A client that is slow or idle holds neither another one nor the sensor: see [`Limits`].
//! - The document that describes the API is made of the code that serves it ([`openapi`]).
//!
//! Left out on purpose: TLS (a reverse proxy's job), CORS (no foreign page has business here), users and roles
//! (whoever has the token may do everything), and any knowledge of the crates that make up a sensor: the root
//! implements [`Node`] with them.

mod body;
mod change;
mod client;
mod connections;
mod explanation;
mod flags;
mod gate;
mod looks;
mod metrics;
mod node;
mod patch;
mod problem;
mod routes;
mod server;
mod smtp;
mod socket;
mod status;
mod token;
mod work;

pub use change::{
    Change, ChangeRefused, Changed, Difference, Fault, Flip, IfMatch, Overridden, ReloadRefused, Reloaded,
};
pub use client::{Client, ClientError, Flags};
pub use explanation::{Explained, Outcome, Question, Step};
pub use looks::{LookOrder, LookRefused, Looks, LooksOrdered, ScannerState, SinkState, What, Workers};
pub use metrics::{METRICS_TYPE, RuleLabel};
pub use node::{Node, Readiness};
pub use problem::{PROBLEM_TYPE, Problem, ProblemKind};
pub use routes::openapi;
pub use server::{BindError, Control, Limits, Options};
pub use smtp::{About, Grace, GraceEnded, Key, Revision, Smtp, Tls};
pub use status::{
    Certificate, Conservation, Draining, ListenerStatus, Metrics, Refusals, Space, State, Status,
};
pub use token::{Token, TokenError};
