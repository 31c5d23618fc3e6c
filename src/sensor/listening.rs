//! What people are told about the listeners: at the start, and by `systemctl status`.

use sensor_ingress::{Gate, ListenerState, ListenerStatus};

/// A line for each listener with a socket; one where there is none.
pub(crate) fn lines(listeners: &[ListenerStatus]) -> Vec<String> {
    let line = |ListenerStatus { address, name, state, .. }: &ListenerStatus| match state {
        ListenerState::Open => Some(format!("listens on {address} ({name})")),
        ListenerState::TurningAway => {
            Some(format!("turns away by 421 on {address} ({name}): smtp.enabled is false"))
        }
        ListenerState::Closed => None,
    };
    let lines: Vec<String> = listeners.iter().filter_map(line).collect();
    if lines.is_empty() { vec!["listens nowhere: smtp.enabled is false".to_owned()] } else { lines }
}

/// All of them in one line, as they are now.
pub(crate) fn line(gate: &Gate) -> String {
    lines(&gate.status().listeners).join(", ")
}
