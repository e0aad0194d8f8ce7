//! Strict reading of telemetry: every line is compared with its type, and the place of each defect is named
//! (R90, R96).
//!
//! The types are the schema. The code that refuses unknown fields, missing fields and contradictions is the
//! code from which the committed JSON Schemas are generated, so that validating needs no schema engine.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::AlertRecord;
use crate::error::{BoxError, TelemetryError};
use crate::line_file::LINE_BYTES_MAX;
use crate::record::{ALERTS, OperationRecord};

/// How many defects of a file are listed; all of them are counted.
const DEFECTS_MAX: usize = 1_000;

/// The result of validating a folder of telemetry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FolderReport {
    /// Whether every line of every file is valid.
    pub ok: bool,
    /// The files, sorted by name.
    pub files: Vec<FileReport>,
    /// Torn lines that writers set aside after a crash. No record in them had been acknowledged.
    pub set_aside: Vec<PathBuf>,
}

/// The result of validating one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileReport {
    /// The path of the file.
    pub path: PathBuf,
    /// Number of lines in the file, valid or not.
    pub lines: u64,
    /// Number of lines that are not valid.
    pub invalid: u64,
    /// The first thousand lines that are not valid.
    pub first: Vec<LineDefect>,
}

/// A line that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineDefect {
    /// The number of the line, from 1.
    pub line: u64,
    /// Why the line is not valid.
    pub why: String,
}

/// Validates every `ops_*.ndjson` of a folder; a folder that is not there has no files.
///
/// # Errors
/// [`TelemetryError::NotRead`]: a file or the folder cannot be read; look at its permissions.
pub fn validate_folder(folder: &Path) -> Result<FolderReport, TelemetryError> {
    let listed = list(folder).map_err(|error| not_read(folder, error))?;
    let files = listed.telemetry.iter().map(|path| validate(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(FolderReport { ok: files.iter().all(|file| file.invalid == 0), files, set_aside: listed.set_aside })
}

/// Validates one file: as alerts if it has their name, otherwise as operation records.
///
/// # Errors
/// [`TelemetryError::NotRead`]: the file cannot be read; look at its permissions.
pub fn validate(path: &Path) -> Result<FileReport, TelemetryError> {
    let mut report = FileReport { path: path.to_owned(), lines: 0, invalid: 0, first: Vec::new() };
    let tool = tool_of(path);
    for_each_line(path, |line, bytes| {
        report.lines += 1;
        let checked = match tool.as_deref() {
            Some(ALERTS) => parse_alert(bytes).map(drop),
            tool => parse_record(bytes, tool).map(drop),
        };
        if let Err(error) = checked {
            report.invalid += 1;
            if report.first.len() < DEFECTS_MAX {
                report.first.push(LineDefect { line, why: error.to_string() });
            }
        }
        Ok(())
    })?;
    Ok(report)
}

/// Reads the operation records of one file; a line that is not valid is an error.
///
/// # Errors
/// - [`TelemetryError::InvalidLine`]: a line is not valid; the error names file and line. Repair the line, or
///   set it aside by hand.
/// - [`TelemetryError::NotRead`]: the file cannot be read; look at its permissions.
pub fn read(path: &Path) -> Result<Vec<OperationRecord>, TelemetryError> {
    let tool = tool_of(path);
    let mut records = Vec::new();
    for_each_line(path, |line, bytes| {
        records.push(parse_record(bytes, tool.as_deref()).map_err(|source| TelemetryError::InvalidLine {
            path: path.to_owned(),
            line,
            source,
        })?);
        Ok(())
    })?;
    Ok(records)
}

/// Reads the operation records of every tool in a folder, file by file in the order of their names.
///
/// # Errors
/// As [`read`].
pub fn read_folder(folder: &Path) -> Result<Vec<OperationRecord>, TelemetryError> {
    let listed = list(folder).map_err(|error| not_read(folder, error))?;
    let mut records = Vec::new();
    for path in listed.telemetry.iter().filter(|path| tool_of(path).as_deref() != Some(ALERTS)) {
        records.append(&mut read(path)?);
    }
    Ok(records)
}

/// Reads the operation records of every tool in a folder that are valid, and counts the lines that are not.
///
/// # Errors
/// [`TelemetryError::NotRead`]: a file or the folder cannot be read; look at its permissions.
pub fn read_valid(folder: &Path) -> Result<(Vec<OperationRecord>, u64), TelemetryError> {
    let listed = list(folder).map_err(|error| not_read(folder, error))?;
    let (mut records, mut invalid) = (Vec::new(), 0);
    for path in &listed.telemetry {
        let tool = tool_of(path).filter(|tool| tool != ALERTS);
        let Some(tool) = tool else { continue };
        for_each_line(path, |_, bytes| {
            match parse_record(bytes, Some(&tool)) {
                Ok(record) => records.push(record),
                Err(_) => invalid += 1,
            }
            Ok(())
        })?;
    }
    Ok((records, invalid))
}

/// Reads the alerts of a folder; an empty list if there is no file of alerts.
///
/// # Errors
/// As [`read`].
pub fn read_alerts(folder: &Path) -> Result<Vec<AlertRecord>, TelemetryError> {
    let path = crate::writer::file_of(folder, ALERTS);
    let mut alerts = Vec::new();
    if !path.exists() {
        return Ok(alerts);
    }
    for_each_line(&path, |line, bytes| {
        alerts.push(parse_alert(bytes).map_err(|source| TelemetryError::InvalidLine {
            path: path.clone(),
            line,
            source,
        })?);
        Ok(())
    })?;
    Ok(alerts)
}

fn parse_record(line: &[u8], tool: Option<&str>) -> Result<OperationRecord, BoxError> {
    let record: OperationRecord = serde_json::from_slice(whole(line)?)?;
    record.check()?;
    match tool {
        Some(tool) if record.tool.as_str() != tool => {
            Err(format!("the record is another tool's: tool={}", record.tool).into())
        }
        _ => Ok(record),
    }
}

fn parse_alert(line: &[u8]) -> Result<AlertRecord, BoxError> {
    let alert: AlertRecord = serde_json::from_slice(whole(line)?)?;
    alert.check()?;
    Ok(alert)
}

/// Returns a line without its end of line, which every line must have.
fn whole(line: &[u8]) -> Result<&[u8], BoxError> {
    match line.split_last() {
        Some((b'\n', line)) => Ok(line),
        _ if line.len() > LINE_BYTES_MAX => {
            Err(format!("the line is too long: bytes_max={LINE_BYTES_MAX}").into())
        }
        _ => Err("the line has no end: a crash tore it, or it is being written".into()),
    }
}

/// Returns the tool whose records a file holds, from the name of the file.
fn tool_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    Some(name.strip_prefix("ops_")?.strip_suffix(".ndjson")?.to_owned())
}

/// The files in a folder of telemetry, each kind sorted by name.
struct Listed {
    telemetry: Vec<PathBuf>,
    set_aside: Vec<PathBuf>,
}

fn list(folder: &Path) -> io::Result<Listed> {
    let mut listed = Listed { telemetry: Vec::new(), set_aside: Vec::new() };
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listed),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if tool_of(&path).is_some() {
            listed.telemetry.push(path);
        } else if path.extension().is_some_and(|extension| extension == "part") {
            listed.set_aside.push(path);
        }
    }
    listed.telemetry.sort();
    listed.set_aside.sort();
    Ok(listed)
}

/// Calls `each` with every line and its number, from 1; of a line above the limit it gets only the beginning.
fn for_each_line(
    path: &Path,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), TelemetryError>,
) -> Result<(), TelemetryError> {
    let mut file = BufReader::new(File::open(path).map_err(|error| not_read(path, error))?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let read =
            file.by_ref().take(limit).read_until(b'\n', &mut line).map_err(|error| not_read(path, error))?;
        if read == 0 {
            break;
        }
        if line.len() > LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            file.skip_until(b'\n').map_err(|error| not_read(path, error))?;
        }
        each(number, &line)?;
    }
    Ok(())
}

fn not_read(path: &Path, error: io::Error) -> TelemetryError {
    TelemetryError::NotRead { path: path.to_owned(), source: error.into() }
}
