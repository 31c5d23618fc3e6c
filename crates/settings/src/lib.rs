//! Layers of settings.
