//! Layers of settings as a section and an administrator see them.

mod faults;
mod hostile;
mod layers;
mod sample;
mod shown;
