//! Sinks for events, behind the port of the pipeline.
