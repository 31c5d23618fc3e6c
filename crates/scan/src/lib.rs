//! Scanners behind the port of the pipeline, a file each.
