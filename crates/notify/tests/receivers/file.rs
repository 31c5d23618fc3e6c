//! JSON lines and CEF in files.

use std::fs;

use sensor_notify::keys::KindName;

use super::*;

fn keys_of(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().filter(|line| line.starts_with('{')).map(key_in).collect()
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("events.jsonl"), folder.path().join("events.jsonl.1"));
    let running = Running::start(KindName::Jsonl, &[("path", path.to_str().unwrap())]);
    let keys = running.emit(3).await;
    running.until_delivered(3).await;
    assert_eq!(keys_of(&path), keys);
    fs::rename(&path, &moved).unwrap();
    running.emit(2).await;
    running.until_delivered(5).await;
    assert_eq!((keys_of(&moved).len(), path.exists()), (5, false), "nobody said that it was moved");
    running.sink.reopen();
    running.emit(1).await;
    running.until_delivered(6).await;
    assert_eq!((keys_of(&moved).len(), keys_of(&path).len()), (5, 1));
}

#[tokio::test]
async fn a_line_that_was_cut_is_ended_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    fs::write(&path, "{\"whole\":1}\n{\"cut\":\"of").unwrap();
    let running = Running::start(KindName::Jsonl, &[("path", path.to_str().unwrap())]);
    running.emit(1).await;
    running.until_delivered(1).await;
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), &lines[..2]), (3, &["{\"whole\":1}", "{\"cut\":\"of"][..]));
    assert!(serde_json::from_str::<serde_json::Value>(lines[2]).is_ok());
}

#[tokio::test]
async fn events_wait_for_a_folder_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later/events.cef");
    let running = Running::start(KindName::Cef, &[("transport", "file"), ("path", path.to_str().unwrap())]);
    running.emit(2).await;
    let status = running.until("failed", |status| status.failed_tries > 0).await;
    assert!(status.last_error.unwrap().text.starts_with("cannot be written"));
    fs::create_dir(path.parent().unwrap()).unwrap();
    running.until_delivered(2).await;
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() == 2 && text.lines().all(|line| line.starts_with("CEF:0|")));
}

/// Opening a pipe that nobody reads blocks its thread, and nothing else.
#[tokio::test]
async fn a_pipe_that_nobody_reads_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        return skip("a_pipe_that_nobody_reads_blocks_nobody", "mkfifo is not installed");
    }
    let running = Running::start(KindName::Jsonl, &[("path", path.to_str().unwrap())]);
    let keys = running.emit(2).await;
    running.until("given up", |status| status.failed_tries > 1).await;
    let reader = std::thread::spawn(move || {
        use std::io::BufRead as _;
        let lines = std::io::BufReader::new(fs::File::open(path).unwrap()).lines();
        // What was given up is written after all, and again: only the names count.
        let mut seen = std::collections::BTreeSet::new();
        for line in lines {
            seen.insert(key_in(&line.unwrap()));
            if seen.len() == 2 {
                break;
            }
        }
        seen.into_iter().collect::<Vec<_>>()
    });
    running.until("delivered", |status| status.queued == 0).await;
    drop(running);
    assert_eq!(reader.join().unwrap(), sorted(keys));
}
