//! Under a service manager: what it is told, the sockets that it hands in, and the unit that it reads.

mod notify;
mod sockets;
mod unit;
