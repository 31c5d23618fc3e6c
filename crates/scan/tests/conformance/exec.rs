use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sensor_mail::finding::Missed;
use sensor_mail::{PartId, Severity};
use sensor_scan::{Built, Installed, Sample, Value};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::check::{self, budget, build, id, list, now, scan, text, whys};

const LONG: Duration = Duration::from_secs(60);

/// A program of a test, with a place for its private directories.
struct Program {
    directory: TempDir,
}

impl Program {
    fn new(script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(directory.path().join("runs")).unwrap();
        Self { directory }
    }

    fn path(&self) -> String {
        self.directory.path().join("program").display().to_string()
    }

    /// Its second argument is a file of the test's.
    fn scanner(&self, more: impl IntoIterator<Item = (&'static str, Value)>) -> Arc<dyn Installed> {
        let note = self.note().display().to_string();
        let given = [
            ("command", list(&[&self.path(), &note])),
            ("directory", text(self.directory.path().join("runs").display())),
        ];
        build("exec", given.into_iter().chain(more)).unwrap()
    }

    fn note(&self) -> std::path::PathBuf {
        self.directory.path().join("note")
    }

    fn leaves_nothing(&self) {
        let left = std::fs::read_dir(self.directory.path().join("runs")).unwrap().count();
        assert_eq!(left, 0, "directories are left behind");
    }
}

const LOOK: &str = r#"
cd "$2" || exit 3
for part in parts/*; do
    if grep -q EICAR-STANDARD "$part"; then
        found="{\"rule\":\"eicar\",\"severity\":\"critical\",\"part\":$(basename "$part" | sed 's/^0*//')}"
    fi
done
echo "{\"findings\":[$found],\"ruleset\":\"v1\"}"
"#;

#[tokio::test]
async fn a_program_finds_its_sample() {
    let program = Program::new(LOOK);
    let scanner = program.scanner([]);
    check::finds_its_sample(&*scanner).await;
    check::finds_nothing_in_harmless_mail(&*scanner).await;
    check::obeys_its_budget(&*scanner).await;
    let (findings, _) = scan(&*scanner, &Sample::eicar().mail(id(), now()), &budget(LONG)).await;
    assert_eq!((findings[0].part, findings[0].severity), (PartId(2), Severity::Critical));
    assert_eq!(scanner.ruleset().as_deref(), Some("v1"));
    check::skips_what_is_too_large(&*program.scanner([("size_max", Value::Number(10))]), &[]).await;
    program.leaves_nothing();
}

#[tokio::test]
async fn a_program_is_given_the_message_and_nothing_of_ours() {
    let program = Program::new(
        r#"
{ pwd; env | sed 's/=.*//' | sort | tr '\n' ' '; echo; stat -c '%a %n' . ; find . -type f | sort
ulimit -c; ulimit -v; ulimit -t; ulimit -n; cat message.eml parts/0002; } > "$1"
echo '{"findings":[]}'"#,
    );
    let scanner = program.scanner([
        ("memory_max", Value::Number(512 << 20)),
        ("cpu_max", Value::Number(7_000)),
        ("files_max", Value::Number(64)),
    ]);
    let sample = Sample::eicar();
    let mail = sample.mail(id(), now());
    let (_, coverage) = scan(&*scanner, &mail, &budget(LONG)).await;
    assert_eq!(coverage.gaps, vec![]);
    let note = std::fs::read_to_string(program.note()).unwrap();
    let (place, rest) = note.split_once('\n').unwrap();
    assert!(
        Path::new(place).starts_with(program.directory.path().canonicalize().unwrap().join("runs")),
        "{place}"
    );
    // PWD and OLDPWD are the shell's own.
    let message = String::from_utf8(mail.parts[0].octets.as_slice().unwrap().to_vec()).unwrap();
    let expected = format!(
        "HOME LANG PATH PWD TMPDIR \n700 .\n./manifest.json\n./message.eml\n./parts/0001\n./parts/0002\n\
         0\n524288\n7\n64\n{message}{}",
        sample.line
    );
    assert_eq!(rest, expected);
    program.leaves_nothing();
}

#[tokio::test]
async fn a_program_may_fail_or_misbehave() {
    let failed = |why: &str| Missed::Failed(why.into());
    for (script, expected) in [
        ("exit 7", failed("the program ended with exit status: 7")),
        ("echo oh dear >&2; exit 1", failed("the program ended with exit status: 1: oh dear")),
        ("kill -SEGV $$", failed("the program ended with signal: 11 (SIGSEGV)")),
        ("printf '\\033[2J' >&2; exit 1", failed("the program ended with exit status: 1: \\u{1b}[2J")),
        ("", failed("its answer does not fit the schema: EOF while parsing a value at line 1 column 0")),
        (
            "echo '{}'",
            failed("its answer does not fit the schema: missing field `findings` at line 1 column 2"),
        ),
        ("yes", failed("the program prints more than 1048576 octets")),
        ("yes >&2", Missed::TimedOut),
        ("sleep 1000", Missed::TimedOut),
        ("sleep 1000 & sleep 1000", Missed::TimedOut),
        ("trap '' TERM; while :; do :; done", Missed::TimedOut),
        ("while :; do printf 1; sleep 0.05; done", Missed::TimedOut),
        ("exec >&- 2>&-; sleep 1000", Missed::TimedOut),
    ] {
        let program = Program::new(script);
        let time = if expected == Missed::TimedOut { Duration::from_millis(600) } else { LONG };
        let (findings, coverage) =
            scan(&*program.scanner([]), &Sample::eicar().mail(id(), now()), &budget(time)).await;
        assert_eq!((findings, whys(&coverage)), (vec![], vec![expected]), "{script}");
        program.leaves_nothing();
    }
}

#[tokio::test]
async fn a_program_takes_no_more_than_its_limits() {
    for (script, key, value) in [
        ("while :; do :; done", "cpu_max", 1_000),
        ("head -c 1000000 /dev/zero > big || exit 9", "file_max", 4_096),
        (
            "exec 9</dev/null; python3 -c 'x = bytearray(1 << 30)' || exit 9; sleep 1000",
            "memory_max",
            200 << 20,
        ),
    ] {
        let program = Program::new(script);
        let scanner = program.scanner([(key, Value::Number(value))]);
        let (_, coverage) = scan(&*scanner, &Sample::eicar().mail(id(), now()), &budget(LONG)).await;
        let [Missed::Failed(why)] = &whys(&coverage)[..] else { panic!("{script}: {coverage:?}") };
        assert!(why.starts_with("the program ended with "), "{script}: {why}");
    }
}

/// Children that a program leaves behind end with it, whether it ends, or is ended.
#[tokio::test]
async fn a_program_ends_with_its_children() {
    for (script, is_cut) in [
        (
            r#"sleep 1000 >/dev/null 2>&1 & echo $! > "$1.new"; mv "$1.new" "$1"; echo '{"findings":[]}'"#,
            false,
        ),
        (r#"sleep 1000 & echo $! > "$1.new"; mv "$1.new" "$1"; echo '{"findings":[]}'"#, false),
        (r#"sleep 1000 & echo $! > "$1.new"; mv "$1.new" "$1"; wait"#, true),
    ] {
        let program = Program::new(script);
        let token = CancellationToken::new();
        let until = sensor_pipeline::Budget::new(Instant::now() + LONG, token.clone());
        let cancel = async {
            while is_cut && !program.note().exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            if is_cut {
                token.cancel();
            }
        };
        let (scanner, mail) = (program.scanner([]), Sample::eicar().mail(id(), now()));
        let ((_, coverage), ()) = tokio::join!(scan(&*scanner, &mail, &until), cancel);
        let expected = if is_cut { vec![Missed::Failed("cancelled".into())] } else { vec![] };
        assert_eq!(whys(&coverage), expected, "{script}");
        let child = std::fs::read_to_string(program.note()).unwrap();
        wait_for_end(child.trim()).await;
        program.leaves_nothing();
    }
}

/// A killed process that nobody has waited for yet is a zombie.
async fn wait_for_end(process: &str) {
    let is_alive = || {
        let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        state.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim().starts_with(['Z', 'X']))
    };
    let gone = async {
        while is_alive() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(LONG, gone).await.is_ok(), "{process} lives on");
}

#[tokio::test]
async fn what_is_no_program_is_a_fault() {
    let program = Program::new("");
    std::fs::write(program.note(), "").unwrap();
    let fault = |built: Built| built.err().unwrap()[0].to_string();
    for command in
        [&[][..], &["program"], &["/nonexistent/program"], &["/tmp"], &[program.note().to_str().unwrap()]]
    {
        let told = fault(build("exec", [("command", list(command))]));
        assert!(told.starts_with("command: expected the absolute path of a program"), "{told}");
    }
    // It has gone since.
    let scanner = program.scanner([]);
    std::fs::remove_file(program.path()).unwrap();
    check::reports_an_absent_peer(&*scanner, "not found").await;
}
