//! Appending: those who wait share a frame, and one of them sees it into its slot.
//!
//! An append joins the line and then waits for two things at once: its answer, and the end of the log. Who gets
//! the end serves the line: makes one frame of all who wait and brings it into the next slot, while others join
//! for the one after. There is no thread and no task of its own. A frame that is on its way belongs to the
//! handle: whoever is dropped in the middle leaves it there, and the next goes on with it, in the same slot,
//! with the same bytes.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::lock::Mutex as AsyncMutex;
use kfm_lineage::Lsn;

use super::board::{self, Line};
use super::calls::{Calls, Tries};
use super::chain;
use super::flight::{AppendResult, Failure, Flight, Landing, Member, chain_of, unknown};
use super::log::Mode;
use super::turns::{self, PutTime};
use super::view::{View, guard};
use super::{Created, SlotError};
use crate::error::WalError;
use crate::frame::Kind;
use crate::planted::{Bug, planted};
use crate::store::NewRecord;

/// Orders appends and brings them into slots.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) nonce: [u8; 16],
    mode: Mode,
    line: Line,
    turn: Mutex<Turn>,
    put_time: PutTime,
    end: AsyncMutex<End>,
}

/// As what this handle writes.
#[derive(Debug)]
struct Turn {
    /// The epoch in which it writes.
    epoch: u64,
    /// Whether it claimed that epoch itself.
    claimed: bool,
    /// When it last wrote, by its clock.
    written: Duration,
    /// Since which slot it waits to append, if it does.
    waits: Option<u64>,
}

/// The end of the log: what is on its way there.
#[derive(Debug, Default)]
struct End {
    flight: Option<Flight>,
}

/// A frame without records that is to be appended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taking<'a> {
    pub(crate) kind: Kind,
    pub(crate) body: &'a [u8],
    /// The only slot for it: behind what was judged.
    pub(crate) only_at: Option<u64>,
}

impl Writer {
    pub(crate) fn new(nonce: [u8; 16], mode: Mode, epoch: u64) -> Self {
        let turn = Mutex::new(Turn { epoch, claimed: false, written: Duration::ZERO, waits: None });
        let (line, end) = (Mutex::new(VecDeque::new()), AsyncMutex::new(End::default()));
        Self { nonce, mode, line, turn, put_time: PutTime::default(), end }
    }

    /// Appends records, each within the limits, and answers once they are durable.
    pub(crate) async fn append(
        &self,
        calls: &Calls,
        view: &Mutex<View>,
        records: &[NewRecord],
        expected: Option<Lsn>,
    ) -> AppendResult {
        let (answer, mut answered) = oneshot::channel();
        guard(&self.line).push_back(Member { records: records.to_vec(), expected, answer });
        loop {
            let mut end = match select(answered, self.end.lock()).await {
                Either::Left((answer, _)) => return answer.unwrap_or(Err(WalError::Poisoned)),
                Either::Right((end, waiting)) => {
                    answered = waiting;
                    end
                }
            };
            // It may have been answered while the end was on its way here.
            if let Ok(Some(answer)) = answered.try_recv() {
                return answer;
            }
            self.serve(calls, view, &mut end).await;
        }
    }

    /// Appends a frame without records; false if it has no place: another frame is in its only slot, or it says
    /// something of a hold that ended.
    pub(crate) async fn take(
        &self,
        calls: &Calls,
        view: &Mutex<View>,
        taking: Taking<'_>,
    ) -> Result<bool, WalError> {
        if planted(Bug::EpochNotInChain) && taking.kind == Kind::Fence {
            let mut turn = guard(&self.turn);
            (turn.epoch, turn.claimed) = (guard(view).position.epoch + 1, true);
            return Ok(true);
        }
        let mut end = self.end.lock().await;
        let mut tries = calls.tries();
        self.finish(calls, view, &mut end, &mut tries).await?;
        loop {
            if taking.kind != Kind::Fence {
                self.may_write(view).map_err(|failure| failure.error())?;
            }
            let flight = self.frame_of(view, taking.kind, taking.body);
            let holds = guard(view).hold.as_ref().is_some_and(|hold| hold.nonce == self.nonce);
            // A holder's word belongs behind its claim: another append of this handle may have ended that.
            let speaks = taking.kind != Kind::Hold || holds;
            if taking.only_at.is_some_and(|only| only != flight.n) || !speaks {
                return Ok(false);
            }
            end.flight = Some(flight);
            match self.land(calls, view, &mut end, &mut tries).await {
                Landing::Landed => return Ok(true),
                Landing::Lost(_) if calls.has_time(&tries) => {}
                Landing::Lost(_) => return Err(crowded_out(calls, view).error()),
                Landing::Failed(failure) => return Err(failure.error()),
                Landing::Unknown(said) => {
                    let id = taking.kind.as_str().to_owned();
                    return Err(WalError::Unknown { id, source: said.into() });
                }
            }
        }
    }

    /// Returns the epoch in which this handle writes.
    pub(crate) fn epoch(&self) -> u64 {
        guard(&self.turn).epoch
    }

    /// Returns when this handle last wrote, by its clock.
    pub(crate) fn written(&self) -> Duration {
        guard(&self.turn).written
    }

    /// Goes on with what is on its way, until it is in the log or will never be.
    async fn finish(
        &self,
        calls: &Calls,
        view: &Mutex<View>,
        end: &mut End,
        tries: &mut Tries,
    ) -> Result<(), WalError> {
        if end.flight.is_none() {
            return Ok(());
        }
        match self.land(calls, view, end, tries).await {
            Landing::Landed => Ok(()),
            Landing::Lost(members) => {
                self.rejoin(members);
                Ok(())
            }
            Landing::Failed(failure) => Err(failure.error()),
            Landing::Unknown(said) => Err(unsettled(calls, view, said).error()),
        }
    }

    /// Brings one frame into a slot: what was on its way, or one of those who wait.
    async fn serve(&self, calls: &Calls, view: &Mutex<View>, end: &mut End) {
        let mut tries = calls.tries();
        if planted(Bug::LeaderLeavesNothing) {
            end.flight = None;
        }
        loop {
            if end.flight.is_none() {
                match self.board(calls, view).await {
                    Ok(flight) => end.flight = flight,
                    Err(failure) => return self.refuse_line(&failure),
                }
            }
            if end.flight.is_none() {
                return;
            }
            match self.land(calls, view, end, &mut tries).await {
                Landing::Landed => return,
                Landing::Lost(members) => {
                    self.rejoin(members);
                    // Others progress, this handle does not: there is a bound to that too.
                    if !calls.has_time(&tries) {
                        return self.refuse_line(&crowded_out(calls, view));
                    }
                }
                Landing::Failed(failure) => return self.refuse_line(&failure),
                Landing::Unknown(said) => return self.refuse_line(&unsettled(calls, view, said)),
            }
        }
    }

    /// Puts appends back where they stood.
    fn rejoin(&self, mut members: Vec<Member>) {
        if planted(Bug::RebaseForgetsExpected) {
            members.iter_mut().for_each(|member| member.expected = None);
        }
        let mut line = guard(&self.line);
        members.into_iter().rev().for_each(|member| line.push_front(member));
    }

    fn refuse_line(&self, failure: &Failure) {
        let refused = std::mem::take(&mut *guard(&self.line));
        refused.into_iter().for_each(|member| member.answer(Err(failure.error())));
    }

    /// Answers what needs no frame, and makes a frame of the rest; none if nothing is left.
    async fn board(&self, calls: &Calls, view: &Mutex<View>) -> Result<Option<Flight>, Failure> {
        self.may_write(view)?;
        if self.mode == Mode::Exclusive && !guard(&self.turn).claimed {
            return Ok(Some(self.frame_of(view, Kind::Fence, &[])));
        }
        if self.mode == Mode::Shared {
            let next = guard(view).next;
            let since = *guard(&self.turn).waits.get_or_insert(next);
            // Those who were answered a moment ago are about to come again: they share the next frame.
            calls.clock.sleep(self.put_time.linger()).await;
            turns::wait(calls, view, &self.put_time, &self.nonce, since).await.map_err(Failure::of)?;
        }
        // Whoever waits stays in line while the log is read for them: this future may be dropped there.
        let looked_up = board::look_up(calls, &self.line, view).await.map_err(Failure::of)?;
        self.may_write(view)?;
        Ok(board::fill(&self.line, self.nonce, &guard(view), &looked_up))
    }

    /// Says whether this handle may append at all, as far as it has read.
    pub(crate) fn may_write(&self, view: &Mutex<View>) -> Result<(), Failure> {
        let view = guard(view);
        let epoch = view.position.epoch;
        if epoch > guard(&self.turn).epoch && !planted(Bug::ZombieWrites) {
            return Err(Failure::Fenced(epoch));
        }
        match &view.hold {
            Some(hold) if hold.nonce != self.nonce => Err(Failure::Locked(hold.holder.holder.clone())),
            _ => Ok(()),
        }
    }

    fn frame_of(&self, view: &Mutex<View>, kind: Kind, body: &[u8]) -> Flight {
        let view = guard(view);
        Flight::of_kind(view.next, &view.position, self.nonce, kind, body)
    }

    /// Brings the frame on its way into its slot, or finds out that it never will be there.
    ///
    /// There is one on its way.
    async fn land(&self, calls: &Calls, view: &Mutex<View>, end: &mut End, tries: &mut Tries) -> Landing {
        let Some(flight) = &mut end.flight else { return Landing::Landed };
        loop {
            let said = match self.approach(calls, view, flight).await {
                Ok(Some(held)) => return self.settle(calls, view, end, &held),
                Ok(None) if planted(Bug::FlightGivenUp) => {
                    let members = end.flight.take().map(|flight| flight.members).unwrap_or_default();
                    return Landing::Lost(members.into_iter().map(|(member, _)| member).collect());
                }
                Ok(None) => "the slot is not there yet".to_owned(),
                Err(error @ SlotError::Refused { .. }) if !flight.sent => {
                    let failure = Failure::of(calls.io("create", flight.n, error));
                    return fail(end, failure);
                }
                Err(error) => chain_of(&error),
            };
            if calls.pause(tries).await {
                continue;
            }
            if !flight.sent || planted(Bug::UnknownIsNotAppended) {
                let path = calls.path(flight.n);
                return fail(end, Failure::Store { action: "create", path, said });
            }
            for (member, _) in flight.members.drain(..) {
                let error = unknown(&member, &said);
                member.answer(Err(error));
            }
            return Landing::Unknown(said);
        }
    }

    /// Tries once to create the slot, and returns what it holds then; none if it is not there.
    async fn approach(
        &self,
        calls: &Calls,
        view: &Mutex<View>,
        flight: &mut Flight,
    ) -> Result<Option<Bytes>, SlotError> {
        if guard(view).next > flight.n {
            // A reader of this handle has seen the slot.
            let kept = guard(view).kept(flight.n);
            return if kept.is_some() { Ok(kept) } else { calls.look(flight.n).await };
        }
        // From here on it may be there, even if this future is dropped now.
        let sent = std::mem::replace(&mut flight.sent, true);
        let begun = calls.clock.monotonic();
        let created = calls.create(flight.n, flight.frame.clone()).await;
        if created.is_ok() {
            self.put_time.note(calls.clock.monotonic().saturating_sub(begun));
        }
        match created {
            Ok(Created::Made) => Ok(Some(flight.frame.clone())),
            Ok(Created::Taken) if planted(Bug::RetryableIsExists) => match calls.look(flight.n).await? {
                None => {
                    flight.sent = sent;
                    Err(SlotError::Refused { source: "the slot exists".into() })
                }
                held => Ok(held),
            },
            // An own success that was lost on its way back, another's frame, or nobody's.
            Ok(Created::Taken) | Err(SlotError::Unknown { .. }) => calls.look(flight.n).await,
            Err(error) => {
                flight.sent = sent || planted(Bug::BusyIsUnknown);
                match error {
                    SlotError::Busy { source } if planted(Bug::BusyIsFailure) => {
                        Err(SlotError::Refused { source })
                    }
                    error => Err(error),
                }
            }
        }
    }

    /// Draws the conclusion from what the slot of the frame on its way holds.
    fn settle(&self, calls: &Calls, view: &Mutex<View>, end: &mut End, held: &Bytes) -> Landing {
        let Some(flight) = end.flight.take() else { return Landing::Landed };
        if planted(Bug::LoserDoesNotRead) && *held != flight.frame {
            return Landing::Lost(flight.members.into_iter().map(|(member, _)| member).collect());
        }
        if let Err(error) = chain::take_in(calls, view, flight.n, held) {
            end.flight = Some(flight);
            return fail(end, Failure::of(error));
        }
        if *held != flight.frame || planted(Bug::SelfWinIsConflict) {
            return Landing::Lost(flight.members.into_iter().map(|(member, _)| member).collect());
        }
        let mut turn = guard(&self.turn);
        turn.written = calls.clock.monotonic();
        turn.waits = None;
        if flight.claims {
            (turn.epoch, turn.claimed) = (flight.epoch, true);
        }
        drop(turn);
        flight.members.into_iter().for_each(|(member, appended)| member.answer(Ok(appended)));
        Landing::Landed
    }
}

/// Ends a flight of which nothing is in the log.
fn fail(end: &mut End, failure: Failure) -> Landing {
    let members = end.flight.take().map(|flight| flight.members).unwrap_or_default();
    members.into_iter().for_each(|(member, _)| member.answer(Err(failure.error())));
    Landing::Failed(failure)
}

/// The failure of those who never got a slot.
fn crowded_out(calls: &Calls, view: &Mutex<View>) -> Failure {
    let path = calls.path(guard(view).next);
    Failure::Store { action: "create", path, said: "other writers took every slot".to_owned() }
}

/// The failure of those who waited behind a frame of which nothing is known.
fn unsettled(calls: &Calls, view: &Mutex<View>, said: String) -> Failure {
    let path = calls.path(guard(view).next);
    Failure::Store { action: "settle", path, said }
}
