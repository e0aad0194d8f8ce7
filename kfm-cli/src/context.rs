//! [`Context`]: what every subcommand has at hand.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kfm_policy::Remedy;
use kfm_rollback::{Interrupt, NoProgress, OpenOptions, Platform, Progress};

use crate::cli::{Global, ProgressKind, not_empty};
use crate::config::{Environment, host_name};
use crate::error::{Failure, Result};
use crate::ids::Resolved;
use crate::output::Output;
use crate::own::Own;
use crate::{interrupt, progress, say, shell};

/// What every subcommand has at hand: the surroundings, the global options, the output.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// The options of every command.
    pub(crate) global: Global,
    /// Where to write.
    pub(crate) out: &'a Output,
    environment: Environment,
    own: Own,
    /// The platforms that the command opened; at the end it leaves each of them.
    opened: Arc<Mutex<Vec<Platform>>>,
    /// What `latest`, or an id that was left out, was resolved to.
    resolved: Arc<Mutex<Option<Resolved>>>,
    /// The requests to stop of the platforms that were opened to be changed.
    interrupts: Arc<Mutex<Vec<Interrupt>>>,
}

/// The line about an operation that is open.
#[derive(Debug)]
pub(crate) struct OpenLine {
    /// The operation.
    pub(crate) id: String,
    /// The line's text.
    pub(crate) line: String,
}

impl<'a> Context<'a> {
    /// Makes the context of one command.
    pub(crate) fn new(global: Global, environment: Environment, own: Own, out: &'a Output) -> Self {
        Self {
            global,
            out,
            environment,
            own,
            opened: Arc::default(),
            resolved: Arc::default(),
            interrupts: Arc::default(),
        }
    }

    /// Makes the same context with other global options, for a command that works in a platform of its own.
    pub(crate) fn with_global(&self, global: Global) -> Self {
        Self {
            global,
            out: self.out,
            environment: self.environment.clone(),
            own: self.own.clone(),
            opened: Arc::clone(&self.opened),
            resolved: Arc::clone(&self.resolved),
            interrupts: Arc::clone(&self.interrupts),
        }
    }

    /// Says whether a question can be asked: on a terminal, and if the answer is for a person.
    pub(crate) fn can_ask(&self) -> bool {
        self.environment.can_ask() && !self.out.is_json()
    }

    /// Says whether a person asked to stop, by Ctrl-C.
    pub(crate) fn is_asked_to_stop(&self) -> bool {
        let interrupts = self.interrupts.lock().unwrap_or_else(PoisonError::into_inner);
        interrupts.iter().any(Interrupt::is_requested)
    }

    /// Says whether nothing may be changed.
    pub(crate) fn is_rehearsal(&self) -> bool {
        self.global.ci
    }

    /// Opens the platform for a command that only reads.
    pub(crate) async fn platform(&self) -> Result<Platform> {
        let actor = self.actor().unwrap_or_else(|| "unknown".to_owned());
        self.open(actor, Interrupt::default()).await
    }

    /// Opens the platform for a command that changes something: an actor must be named, and Ctrl-C stops the
    /// command at the next safe point.
    pub(crate) async fn platform_to_change(&self) -> Result<Platform> {
        let actor = self.named_actor()?;
        let interrupt = Interrupt::default();
        interrupt::listen(&interrupt, self.out, self.runnable(&["kfm status".to_owned()]));
        self.interrupts.lock().unwrap_or_else(PoisonError::into_inner).push(interrupt.clone());
        self.open(actor, interrupt).await
    }

    /// Opens the platform for the rehearsal of a command that changes something: what would refuse the command at its
    /// beginning refuses its rehearsal.
    pub(crate) async fn platform_to_rehearse(&self) -> Result<Platform> {
        let platform = self.open(self.named_actor()?, Interrupt::default()).await?;
        platform.may_change().await?;
        Ok(platform)
    }

    /// Opens the platform for a command that changes something, or only says what it would change.
    pub(crate) async fn platform_to_change_or_rehearse(&self, rehearses: bool) -> Result<Platform> {
        match rehearses {
            true => self.platform_to_rehearse().await,
            false => self.platform_to_change().await,
        }
    }

    /// Makes the options of a look at documents outside of any platform.
    pub(crate) fn options_to_read(&self) -> OpenOptions {
        self.options("unknown".to_owned(), Interrupt::default())
    }

    async fn open(&self, actor: String, interrupt: Interrupt) -> Result<Platform> {
        let options = self.options(actor, interrupt);
        let root = self.root()?;
        let opened =
            Platform::open(&root, options).await.map_err(|error| self.where_from(&root, error.into()))?;
        let platform = self.own.platform(opened);
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(platform.clone());
        Ok(platform)
    }

    fn options(&self, actor: String, interrupt: Interrupt) -> OpenOptions {
        let options = OpenOptions {
            host: host_name(),
            progress: self.progress(),
            interrupt,
            wait: Duration::from_secs(self.global.wait),
            rehearses: self.is_rehearsal(),
            say: say::command_line,
            ..OpenOptions::new(actor)
        };
        let with_products = kfm_stores::kinds().into_iter().fold(options, OpenOptions::with_kind);
        let mut options = self.own.options(with_products);
        options.credentials = Environment::credentials(&options.kinds);
        options
    }

    /// Notes what `latest` was resolved to.
    pub(crate) fn note_resolved(&self, resolved: Resolved) {
        *self.resolved.lock().unwrap_or_else(PoisonError::into_inner) = Some(resolved);
    }

    /// Returns what `latest`, or an id that was left out, was resolved to; `None` if there was nothing to resolve.
    pub(crate) fn resolved(&self) -> Option<Resolved> {
        self.resolved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the line that says which operation is open and which command ends it. `None` if none is open, or if
    /// a program reads the answer.
    pub(crate) async fn open_line(&self, succeeded: bool) -> Option<OpenLine> {
        if self.out.is_json() {
            return None;
        }
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()?;
        // If the log could not be read before, this does not try again.
        if opened.open_when_last_read().map_or(!succeeded, |open| open.is_empty()) {
            return None;
        }
        let open = opened.status().await.ok()?.open;
        let newest = open.last()?;
        let id = newest.id.to_string();
        let others = match open.len() {
            1 => String::new(),
            several => format!(" and {} more", several - 1),
        };
        let state = format!("open: {id}{others} ({}, {} of {})", newest.status, newest.done, newest.total);
        let line = match newest.next.first() {
            Some(resume) => {
                let resume = self.completed(say::command_line(resume));
                format!("{state}; end it: {resume} [--abort]")
            }
            None => format!("{state}; a process is at work on it"),
        };
        Some(OpenLine { id, line })
    }

    /// Waits until every log that was claimed is given back; a command does this last.
    pub(crate) async fn leave(&self) {
        let opened = std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner));
        for platform in opened {
            platform.leave().await;
        }
    }

    /// Returns the platform's folder: `--root`, else `KFM_ROOT`, else the nearest folder upwards that is a
    /// platform.
    fn root(&self) -> Result<PathBuf> {
        if let Some(root) = self.global.root.as_ref().or(self.environment.root.as_ref()) {
            return Ok(root.clone());
        }
        let here = std::env::current_dir().map_err(|error| Failure::file(Path::new("."), &error))?;
        Platform::find_root(&here).ok_or_else(|| {
            Failure::usage(format!("no platform here or above: dir={}", here.display()))
                .with_hint("a platform is the folder that holds kfm.toml: name it with --root, or make one")
                .with_next(["kfm init".to_owned()])
                .into()
        })
    }

    /// Adds where the folder's name came from, if it is no platform.
    fn where_from(&self, root: &Path, failure: Box<Failure>) -> Box<Failure> {
        let named_by = match (&self.global.root, &self.environment.root) {
            (Some(_), _) => "--root",
            (None, Some(_)) => "KFM_ROOT",
            (None, None) => return failure,
        };
        if Platform::find_root(root).is_some_and(|found| found == root) {
            return failure;
        }
        let hint = format!("{named_by} names this folder: mend it there; or {}", failure.hint);
        Box::new(failure.with_hint(hint))
    }

    fn named_actor(&self) -> Result<String> {
        let actor = self.actor().ok_or_else(|| {
            Failure::usage("no actor is named").with_hint("name yourself with --actor or KFM_ACTOR")
        })?;
        let why_not = |why| Failure::usage(format!("the actor's name is not valid, {why}")).into();
        not_empty(&actor).map_err(why_not)
    }

    fn actor(&self) -> Option<String> {
        let named = self.global.actor.clone().or_else(|| self.environment.actor.clone());
        named.or_else(|| self.environment.user_name())
    }

    fn progress(&self) -> Arc<dyn Progress> {
        match self.global.progress {
            ProgressKind::Auto if self.environment.stderr_is_terminal => {
                Arc::new(progress::Bar::new(self.out.clone()))
            }
            ProgressKind::Plain => {
                Arc::new(progress::Plain::new(self.out.clone(), Arc::new(kfm_retry::SystemClock)))
            }
            ProgressKind::Auto | ProgressKind::None => Arc::new(NoProgress),
        }
    }

    /// Returns the command lines of remedies, ready to be pasted.
    pub(crate) fn commands(&self, remedies: &[Remedy]) -> Vec<String> {
        self.runnable(&remedies.iter().map(say::command_line).collect::<Vec<_>>())
    }

    /// Makes one command ready to be pasted.
    pub(crate) fn completed(&self, command: String) -> String {
        self.runnable(&[command]).remove(0)
    }

    /// Makes commands ready to be pasted: adds `--root` if it was given here, and `--yes` to a command that asks,
    /// if no person can be asked here.
    pub(crate) fn runnable(&self, commands: &[String]) -> Vec<String> {
        let root = self.global.root.as_ref().map(|root| root.display().to_string());
        shell::with_root(&shell::with_yes(commands, !self.can_ask()), root.as_deref())
    }
}
