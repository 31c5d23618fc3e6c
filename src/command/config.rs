//! `mailsensor config`: prints a configuration to begin with, or the one in force.

use std::process::ExitCode;

use super::{configured, print};
use crate::cli::{ConfigCommand, Place};
use crate::config::described;

pub(crate) fn config(place: &Place, command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Init => print(|out| out.write_all(commented_file().as_bytes())),
        ConfigCommand::Show => match configured(place)? {
            Ok(loaded) => print(|out| out.write_all(loaded.shown.to_toml_with_origins().as_bytes())),
            Err(status) => Ok(status),
        },
        ConfigCommand::Schema => print(|out| writeln!(out, "{:#}", described().json_schema("mailsensor"))),
    }
}

/// What `conf/mailsensor.toml` holds.
fn commented_file() -> String {
    format!(
        "# mailsensor: every key with its default, or an example where it has none. A line that begins with\n\
         # # and no space is a setting: take the # away to change it. `mailsensor check` names every fault,\n\
         # `mailsensor config show` prints what is in force and where it comes from.\n\n{}",
        described().commented_defaults()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_what_the_program_prints() {
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/mailsensor.toml");
        let shipped = std::fs::read_to_string(shipped).unwrap();
        assert!(shipped == commented_file(), "run: mailsensor config init > conf/mailsensor.toml");
    }
}
