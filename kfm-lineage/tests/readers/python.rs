//! Python's `json`, in a process that reads many documents.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::found::Found;

/// A running reader: it gets a line of hex digits for each document, and answers a line of JSON for each.
pub struct Python {
    child: Child,
    documents: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    pub fn start() -> Self {
        let mut child = Command::new("python3")
            .args(["-c", include_str!("reader.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let (documents, answers) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, documents, answers: BufReader::new(answers) }
    }

    /// Reads documents; `None` for a document that Python refuses, or that is not an object.
    pub fn read(&mut self, documents: &[Vec<u8>]) -> Vec<Option<Found>> {
        let mut input = self.documents.take().unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for document in documents {
                    let mut line: String = document.iter().map(|byte| format!("{byte:02x}")).collect();
                    line.push('\n');
                    input.write_all(line.as_bytes()).unwrap();
                }
                input.flush().unwrap();
                input
            });
            let mut answers = Vec::with_capacity(documents.len());
            for _ in documents {
                let mut line = String::new();
                self.answers.read_line(&mut line).unwrap();
                answers.push(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
            }
            self.documents = Some(writer.join().unwrap());
            answers
        })
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.documents = None;
        let _ended = self.child.wait();
    }
}
