//! `mailsensor worker`: takes apart the mail that the sensor at the other end of standard input sends.

use std::process::ExitCode;

use sensor_pipeline::worker::serve;

use crate::look::tools;

#[expect(clippy::unnecessary_wraps, reason = "all commands have one form")]
pub(crate) fn worker() -> anyhow::Result<ExitCode> {
    Ok(serve(tools))
}
