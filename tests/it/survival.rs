//! What was acknowledged survives: kills, full disks, failing storage, drains. What was refused leaves nothing.

mod drain;
mod ended;
mod faults;
mod full;
mod kills;
mod order;
