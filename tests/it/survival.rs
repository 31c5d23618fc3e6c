//! What was acknowledged survives: kills, full disks, failing storage, drains. What was refused leaves nothing.

mod faults;
mod full;
mod kills;
mod order;
