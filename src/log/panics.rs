//! What is said about a panic: where it was and in which thread, not what it says.
//!
//! A panic's text may quote what the program had in hand, and that is mail (`byte index 7 is not a char
//! boundary; it is inside ... of ...` quotes the text). A text that stands in the source as it is can quote
//! nothing, and is shown. It goes to standard error at once and not through the log: the thread that writes
//! the log may be the one that panics, and what waits for it is lost when the process aborts.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::{PanicHookInfo, set_hook};
use std::thread;

/// Installs that, for all threads.
pub(crate) fn tell_panics() {
    set_hook(Box::new(|panic| {
        // Names of functions and lines of the source; captured only where RUST_BACKTRACE asks for it.
        let trace = Backtrace::capture();
        let mut told = told(panic);
        if trace.status() == BacktraceStatus::Captured {
            told += &format!("{trace}");
        }
        // Where standard error is closed there is nobody to tell.
        let _ = io::stderr().write_all(told.as_bytes());
    }));
}

fn told(panic: &PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name");
    let place = panic.location().map_or("an unknown place".to_owned(), ToString::to_string);
    let said = match panic.payload().downcast_ref::<&'static str>() {
        Some(text) => text.replace('\n', " "),
        None => "what it says may quote mail and is not shown".to_owned(),
    };
    format!("mailsensor: a fault of the program: thread {name} panicked at {place}: {said}\n")
}

#[cfg(test)]
mod tests {
    use std::panic::{catch_unwind, take_hook};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is told about `fault`. The hook is the process's, but only this test sets it here.
    fn told_of(fault: fn()) -> String {
        let heard = Arc::new(Mutex::new(String::new()));
        let hears = Arc::clone(&heard);
        let before = take_hook();
        let own = thread::current().id();
        set_hook(Box::new(move |panic| {
            if thread::current().id() == own {
                *hears.lock().unwrap() = told(panic);
            }
        }));
        catch_unwind(fault).unwrap_err();
        set_hook(before);
        heard.lock().unwrap().clone()
    }

    #[test]
    fn only_a_text_of_the_source_is_shown() {
        for (fault, expected) in [
            ((|| panic!("the books do not balance")) as fn(), "the books do not balance"),
            (|| panic!("{}", std::hint::black_box("the subject")), "not shown"),
            (|| drop(std::hint::black_box("\u{e9} the subject")[1..].to_owned()), "not shown"),
            (
                || {
                    "x".parse::<u8>().map_err(|_| "the subject").unwrap();
                },
                "not shown",
            ),
        ] {
            let told = told_of(fault);
            assert!(told.contains(expected), "{told}");
            assert!(told.contains("src/log/panics.rs:"), "{told}");
            assert!(!told.contains("subject"), "{told}");
            assert_eq!(told.matches('\n').count(), 1, "{told}");
        }
    }
}
