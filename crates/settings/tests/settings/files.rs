//! Layers in files: what is read, in which order, and what a reload refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sensor_settings::{
    Difference, Effective, Faults, Form, Key, Layers, MainFile, Places, Reader, Reload, SOURCE_OCTETS_MAX,
    Source, Told,
};
use tempfile::TempDir;

use crate::sample::{Sample, sample};

/// A directory with files, as on a host.
pub(crate) struct Host {
    folder: TempDir,
}

pub(crate) type Opened = Result<(Layers<Sample>, Effective<Sample>), Faults>;

impl Host {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let host = Self { folder: tempfile::tempdir().unwrap() };
        for (name, text) in files {
            host.write(name, text);
        }
        host
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The run-time layer is in the state directory that the other layers name.
    pub(crate) fn open(&self, above: Vec<Source>) -> Opened {
        let directory = Source::option("--state-dir", "state_dir", self.path("state").to_str().unwrap());
        self.open_with(MainFile::Required(self.path("main.toml")), [vec![directory], above].concat())
    }

    fn open_with(&self, file: MainFile, above: Vec<Source>) -> Opened {
        let places = Places { file, drop_ins: self.path("conf.d"), runtime, above, credentials: None };
        Layers::open(places, sample)
    }

    /// A text without the name of this directory, which is another one each time.
    pub(crate) fn shorten(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn runtime(reader: &Reader) -> PathBuf {
    sample(reader).state_dir.join("runtime.toml")
}

/// The first lines of all faults.
fn said<T>(host: &Host, result: Result<T, Faults>) -> Vec<String> {
    let faults = result.map(drop).unwrap_err();
    faults.iter().map(|fault| host.shorten(fault.to_string().lines().next().unwrap())).collect()
}

fn value(host: &Host, effective: &Effective<Sample>, path: &str) -> String {
    let record = effective.shown.record(path).unwrap();
    host.shorten(&format!("{} from {}", record.value.as_deref().unwrap_or("nothing"), record.origin))
}

#[test]
fn all_files_are_read_in_order_and_only_they() {
    let host = Host::new(&[
        ("main.toml", "[smtp]\nenabled = false\nlimits.recipients = 1\nlimits.idle = '1m'"),
        ("conf.d/20-later.toml", "\nsmtp.limits.recipients = 3"),
        ("conf.d/10-first.toml", "smtp.limits.recipients = 2\nsmtp.limits.idle = '2m'"),
        ("conf.d/README", "not for us"),
        ("conf.d/.30.toml", "nor is what an editor leaves"),
        ("conf.d/40.toml~", "nor is a backup"),
        ("state/runtime.toml", "# by hand\nsmtp.enabled = true\nsmtp.destination_domains = ['a.example']"),
    ]);
    let variable = ("MAILSENSOR__SMTP__DESTINATION_DOMAINS".to_owned(), "b.example".to_owned());
    let (layers, effective) = host.open(Source::environment("MAILSENSOR", [variable])).unwrap();
    for (path, expected) in [
        ("smtp.enabled", "true from state/runtime.toml:2"),
        ("smtp.limits.recipients", "3 from conf.d/20-later.toml:2"),
        ("smtp.limits.idle", "\"2m\" from conf.d/10-first.toml:2"),
        ("smtp.destination_domains", "[\"b.example\"] from MAILSENSOR__SMTP__DESTINATION_DOMAINS"),
        ("smtp.password", "nothing from default"),
    ] {
        assert_eq!(value(&host, &effective, path), expected);
    }
    assert_eq!(effective.settings.recipients, 3);
    let files: Vec<String> = layers.files().map(|name| host.shorten(name)).collect();
    assert_eq!(files, ["main.toml", "conf.d/10-first.toml", "conf.d/20-later.toml", "state/runtime.toml"]);
}

#[test]
fn the_run_time_layer_is_where_the_other_layers_say() {
    let host = Host::new(&[("there/runtime.toml", "smtp.enabled = false")]);
    host.write("conf.d/1.toml", format!("state_dir = {:?}", host.path("there")));
    let main = || MainFile::IfPresent(host.path("main.toml"));
    let (mut layers, effective) = host.open_with(main(), Vec::new()).unwrap();
    assert!(!effective.settings.enabled);
    // What is written down for the next start does not move it under a running program.
    host.write("conf.d/1.toml", format!("state_dir = {:?}", host.path("elsewhere")));
    let moved = layers.reload().unwrap();
    assert!(!moved.settings.enabled);
    let changes = moved.shown.differences(&effective.shown);
    let [Difference { path: "state_dir", reload: Reload::Restart, .. }] = changes[..] else {
        panic!("{changes:?}")
    };
    assert!(host.open_with(main(), Vec::new()).unwrap().1.settings.enabled);
}

#[test]
fn every_fault_of_every_layer_is_told_at_once() {
    let host = Host::new(&[
        ("main.toml", "[smtp]\nenabled = 1"),
        ("conf.d/1.toml", "[smtp\n"),
        ("conf.d/2.toml", " \n"),
        ("conf.d/4.toml", "colour = 1"),
        (
            "state/runtime.toml",
            "state_dir = '/srv'\nsmtp.limits.recipients = 0\n[[smtp.listener]]\nname='a'\naddress='[::]:1'",
        ),
    ]);
    fs::create_dir(host.path("conf.d/3.toml")).unwrap();
    let variable = ("MAILSENSOR__SMTP__LIMITS__IDLE".to_owned(), "soon".to_owned());
    let opened = host.open(Source::environment("MAILSENSOR", [variable]));
    assert_eq!(
        said(&host, opened),
        [
            "main.toml:2:11: smtp.enabled: is a number",
            "conf.d/1.toml:1:6: unclosed table, expected `]`",
            "conf.d/2.toml: is empty, as a full disk leaves it; if it is meant to set nothing, put a comment into it",
            "conf.d/3.toml: cannot be read: Is a directory (os error 21); name a file in it",
            "conf.d/4.toml:1:1: colour: unknown key",
            "state/runtime.toml:1:1: state_dir: cannot be set at run time; set it in a configuration file",
            "state/runtime.toml:2:26: smtp.limits.recipients: is out of range",
            "state/runtime.toml:3:8: smtp.listener: cannot be set at run time; set it in a configuration file",
            "state/runtime.toml:4:1: smtp.listener[1].name: cannot be set at run time; set it in a configuration file",
            "state/runtime.toml:5:1: smtp.listener[1].address: cannot be set at run time; set it in a configuration file",
            "MAILSENSOR__SMTP__LIMITS__IDLE: smtp.limits.idle: not a duration",
        ]
    );
}

#[test]
fn a_reload_takes_all_or_nothing() {
    const GOOD: &str = "[smtp]\nenabled = false\nlimits.recipients = 7\n";
    for (name, bad, fault) in [
        ("main.toml", "", "main.toml: is empty"),
        ("main.toml", "\n", "main.toml: is empty"),
        ("main.toml", &GOOD[..12], "main.toml:2:6: "),
        ("main.toml", &GOOD[..GOOD.len() - 3], "main.toml:3:20: "),
        ("main.toml", "[smtp]\nenabled = true\nlimits.recipients = -1\n", "main.toml:3:21: "),
        ("conf.d/1.toml", "", "conf.d/1.toml: is empty"),
        ("conf.d/1.toml", "[smtp]\nenabled = tr", "conf.d/1.toml:2:11: "),
        ("conf.d/new.toml", "enabled = true", "conf.d/new.toml:1:1: "),
        ("state/runtime.toml", "", "state/runtime.toml: is empty"),
        ("state/runtime.toml", "[smtp", "state/runtime.toml:1:6: "),
    ] {
        let host = Host::new(&[("main.toml", GOOD), ("conf.d/1.toml", "# nothing yet")]);
        let (mut layers, first) = host.open(Vec::new()).unwrap();
        // A good change elsewhere does not come in half.
        host.write("conf.d/0.toml", "smtp.limits.idle = '1m'");
        host.write(name, bad);
        let said = said(&host, layers.reload());
        assert!(matches!(&said[..], [only] if only.starts_with(fault)), "{bad:?}: {said:?}");
        // What is in force is what was: a change at run time builds on it.
        let proposal = layers.propose(&[]).unwrap();
        assert_eq!(proposal.effective().settings, first.settings, "{bad:?}");
        drop(proposal);
        host.write("main.toml", GOOD);
        host.write("conf.d/1.toml", "# nothing yet");
        let _ = fs::remove_file(host.path("conf.d/new.toml"));
        let _ = fs::remove_file(host.path("state/runtime.toml"));
        let mended = layers.reload().unwrap();
        let changes: Vec<&str> =
            mended.shown.differences(&first.shown).iter().map(|change| change.path).collect();
        assert_eq!(changes, ["smtp.limits.idle"], "{bad:?}");
    }
}

#[test]
fn a_main_file_that_was_there_must_stay() {
    let host = Host::new(&[]);
    let file = || MainFile::IfPresent(host.path("main.toml"));
    let (mut layers, effective) = host.open_with(file(), Vec::new()).unwrap();
    assert!(effective.settings.enabled && layers.files().next().is_none());
    host.write("main.toml", "smtp.enabled = false");
    assert!(!layers.reload().unwrap().settings.enabled, "it is looked for again");
    fs::remove_file(host.path("main.toml")).unwrap();
    let missing =
        "main.toml: cannot be read: No such file or directory (os error 2); write it or name another one";
    assert_eq!(said(&host, layers.reload()), [missing]);
    assert_eq!(said(&host, host.open(Vec::new())), [missing]);
    assert!(host.open_with(file(), Vec::new()).is_ok(), "a new start knows nothing of it");
    host.write("main.toml", "smtp.enabled = false");
    let (mut layers, _) = host.open_with(file(), Vec::new()).unwrap();
    fs::remove_file(host.path("main.toml")).unwrap();
    assert_eq!(said(&host, layers.reload()), [missing]);
}

#[test]
fn files_without_end_and_directories_without_end_are_refused() {
    let host = Host::new(&[]);
    let endless = host.open_with(MainFile::Required(Path::new("/dev/zero").to_owned()), Vec::new());
    let device = "/dev/zero: cannot be read: it is a pipe or a device; name a file";
    assert_eq!(said(&host, endless), [device]);
    let large = host.path("main.toml");
    fs::File::create(&large).unwrap().set_len(SOURCE_OCTETS_MAX as u64 + 1).unwrap();
    assert_eq!(
        said(&host, host.open(Vec::new())),
        [format!("main.toml: the file has more than {SOURCE_OCTETS_MAX} octets")]
    );
    fs::remove_file(&large).unwrap();
    for index in 0..=sensor_settings::DROP_INS_MAX {
        host.write(&format!("conf.d/{index}.toml"), "# nothing");
    }
    let crowd = host.open_with(MainFile::IfPresent(host.path("main.toml")), Vec::new());
    assert_eq!(said(&host, crowd), ["conf.d: holds more than 256 files; write some of them together"]);
}

#[test]
fn a_pipe_that_nobody_writes_to_is_a_fault_and_holds_up_nothing() {
    let host = Host::new(&[("main.toml", "smtp.enabled = false"), ("conf.d/1.toml", "# nothing")]);
    let (mut layers, _) = host.open(Vec::new()).unwrap();
    let pipe = host.path("conf.d/2.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let fault = "conf.d/2.toml: cannot be read: it is a pipe or a device; name a file";
    assert_eq!(said(&host, layers.reload()), [fault]);
    fs::remove_file(pipe).unwrap();
    assert!(layers.reload().is_ok());
}

#[test]
fn what_to_do_about_the_run_time_layer_is_said_in_its_own_words() {
    let host = Host::new(&[("main.toml", "# nothing"), ("state/runtime.toml", " \n")]);
    let fault = "state/runtime.toml: is empty, as a full disk leaves it; remove it, and nothing is set in it";
    assert_eq!(said(&host, host.open(Vec::new())), [fault]);
    // It is the directory that somebody named.
    fs::remove_dir_all(host.path("state")).unwrap();
    host.write("state", "a file");
    let fault = "state: is no directory; name another one, or move what is there";
    assert_eq!(said(&host, host.open(Vec::new())), [fault]);
}

#[test]
fn where_the_state_is_can_be_told_while_other_things_are_faulty() {
    let told = |main: &str, above: Vec<Source>| {
        let host = Host::new(&[("main.toml", main)]);
        let file = MainFile::Required(host.path("main.toml"));
        let drop_ins = host.path("conf.d");
        let places = Places { file, drop_ins, runtime, above, credentials: None };
        places.glance(|reader| {
            let key = Key::new("state_dir", "Where state is kept.", Reload::Restart);
            reader.root().told(key, &Form::path())
        })
    };
    let set = |path: &str| Told::Set(PathBuf::from(path));
    for (main, expected) in [
        ("state_dir = '/srv'\nnonsense = true\n[smtp]\nenabled = 7", set("/srv")),
        ("state_dir = '/srv'\n[smtp", set("/srv")),
        ("nonsense = true", Told::Unset),
        // It may have stood where nothing can be read.
        ("[smtp", Told::Hidden),
        ("", Told::Hidden),
        ("state_dir = 5", Told::Faulty),
        ("state_dir = ''", Told::Faulty),
    ] {
        assert_eq!(told(main, Vec::new()), expected, "{main}");
        let named = vec![Source::option("--state-dir", "state_dir", "/named")];
        assert_eq!(told(main, named), set("/named"), "{main}");
    }
}

#[test]
fn the_run_time_layer_does_not_hide_where_things_are() {
    let host = Host::new(&[("main.toml", "# nothing"), ("state/runtime.toml", "")]);
    let above = vec![Source::option("--state-dir", "state_dir", host.path("state").to_str().unwrap())];
    assert!(host.open(Vec::new()).is_err(), "it is faulty");
    let file = MainFile::Required(host.path("main.toml"));
    let places = Places { file, drop_ins: host.path("conf.d"), runtime, above, credentials: None };
    let archive = Key::new("archive_dir", "Where mail is kept.", Reload::Restart);
    assert_eq!(places.glance(|reader| reader.root().told(archive, &Form::path())), Told::Unset);
}

#[test]
fn differences_say_what_needs_a_restart() {
    let host = Host::new(&[(
        "main.toml",
        "smtp.password = 'a'\nsmtp.limits.recipients = 5\n[[smtp.listener]]\nname='a'\naddress='[::]:1'",
    )]);
    let (mut layers, old) = host.open(Vec::new()).unwrap();
    assert_eq!(layers.reload().unwrap().shown.differences(&old.shown), []);
    host.write(
        "main.toml",
        "smtp.destination_domains = ['a']\nsmtp.password = 'b'\nsmtp.limits.recipients = 1000",
    );
    let new = layers.reload().unwrap();
    let changes = new.shown.differences(&old.shown);
    let difference = |path, reload, old, new| Difference { path, reload, old, new };
    assert_eq!(
        changes,
        [
            difference("smtp.destination_domains", Reload::Live, Some("[]"), Some("[\"a\"]")),
            difference("smtp.password", Reload::Live, Some("\"***\""), Some("\"***\"")),
            difference("smtp.limits.recipients", Reload::Restart, Some("5"), Some("1000")),
            difference("smtp.listener[1].name", Reload::Restart, Some("\"a\""), None),
            difference("smtp.listener[1].address", Reload::Restart, Some("\"[::]:1\""), None),
            difference("smtp.listener[1].security", Reload::Restart, Some("\"opportunistic\""), None),
            difference("smtp.listener[1].queue.backlog", Reload::Restart, Some("128"), None),
        ]
    );
}
