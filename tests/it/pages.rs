//! What shells and the manual get from the program.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::harness::sensor::BINARY;
use crate::harness::{program, skip};

fn printed(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(BINARY).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    output.stdout
}

/// Gives `input` to a program; what it says on standard error, and whether it is content.
fn read_by(reader: &mut Command, input: &[u8]) -> (bool, String) {
    let mut child =
        reader.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn shells_take_their_scripts() {
    for (shell, arguments) in [("bash", ["-n"].as_slice()), ("zsh", &["-n"]), ("fish", &["--no-execute"])] {
        let script = printed(&["completions", shell]);
        assert!(String::from_utf8_lossy(&script).contains("state-dir"), "{shell}");
        if program(shell).is_none() {
            skip("completions", &format!("{shell} is not installed"));
            continue;
        }
        assert_eq!(read_by(Command::new(shell).args(arguments), &script), (true, String::new()), "{shell}");
    }
}

#[test]
fn bash_completes_a_subcommand() {
    if program("bash").is_none() {
        return skip("completion by bash", "bash is not installed");
    }
    let script = String::from_utf8(printed(&["completions", "bash"])).unwrap();
    let typed = "COMP_WORDS=(mailsensor spool ex); COMP_CWORD=2";
    let ask = format!("{script}\n{typed}\n_mailsensor mailsensor ex spool\necho \"${{COMPREPLY[@]}}\"");
    let output = Command::new("bash").args(["-c", &ask]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "export");
}

#[test]
fn the_manual_is_formatted_without_a_warning() {
    let page = printed(&["man"]);
    let pages = tempfile::tempdir().unwrap();
    printed(&["man", pages.path().to_str().unwrap()]);
    assert_eq!(std::fs::read(pages.path().join("mailsensor.1")).unwrap(), page);
    if program("groff").is_none() {
        return skip("the manual", "groff is not installed");
    }
    for entry in std::fs::read_dir(pages.path()).unwrap() {
        let page = std::fs::read(entry.unwrap().path()).unwrap();
        let (is_content, said) = read_by(Command::new("groff").args(["-man", "-Tascii", "-ww"]), &page);
        assert!(is_content && said.is_empty(), "{said}");
    }
}
