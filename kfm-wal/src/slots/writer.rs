//! Appending: the appends that wait share a frame, and one of their futures brings it into its slot.
//!
//! An append joins the line and then waits for two things at once: its answer, and the end of the log. The
//! future that gets the end serves the line: it makes one frame of all appends that wait and brings it into
//! the next slot, while others join the line for the slot after. There is no thread and no task for this. A
//! flight belongs to the handle, not to the future: when a caller drops the future that serves, the flight
//! stays with the handle, and the next future goes on with it, in the same slot, with the same bytes.

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
use crate::store::NewRecord;

/// Orders the appends of one handle and brings them into slots.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) nonce: [u8; 16],
    mode: Mode,
    line: Line,
    turn: Mutex<Turn>,
    put_time: PutTime,
    end: AsyncMutex<End>,
}

/// In which epoch this handle writes, and since when it waits for its turn.
#[derive(Debug)]
struct Turn {
    /// The epoch in which it writes.
    epoch: u64,
    /// Whether this handle claimed that epoch itself; if not, it was there when the handle was opened.
    claimed: bool,
    /// When this handle last wrote, by its monotonic clock.
    written: Duration,
    /// The slot that was next when this handle began to wait to append; `None` while it does not wait.
    waits: Option<u64>,
}

/// The end of the log: the flight on its way there, if there is one.
#[derive(Debug, Default)]
struct End {
    flight: Option<Flight>,
}

/// A frame without records, such as a fence, that is to be appended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taking<'a> {
    pub(crate) kind: Kind,
    pub(crate) body: &'a [u8],
    /// The only slot that the frame may go into, the one after all that the caller has judged; `None` if any
    /// slot will do.
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
            // Another future may have answered this append while this one waited for the end.
            if let Ok(Some(answer)) = answered.try_recv() {
                return answer;
            }
            self.serve(calls, view, &mut end).await;
        }
    }

    /// Appends a frame without records. Returns false if the frame has no place: another frame is in the only
    /// slot allowed, or the frame is about a hold that has ended.
    pub(crate) async fn take(
        &self,
        calls: &Calls,
        view: &Mutex<View>,
        taking: Taking<'_>,
    ) -> Result<bool, WalError> {
        let mut end = self.end.lock().await;
        let mut tries = calls.tries();
        self.finish(calls, view, &mut end, &mut tries).await?;
        loop {
            if taking.kind != Kind::Fence {
                self.may_write(view).map_err(|failure| failure.error())?;
            }
            let flight = self.frame_of(view, taking.kind, taking.body);
            let holds = guard(view).hold.as_ref().is_some_and(|hold| hold.nonce == self.nonce);
            // A holder's statement belongs after its claim: another append of this handle may have ended that
            // claim.
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

    /// Goes on with the flight that another future left, until its frame is in the log or never will be.
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

    /// Brings one frame into a slot: the flight that another future left, or a new one from the line.
    async fn serve(&self, calls: &Calls, view: &Mutex<View>, end: &mut End) {
        let mut tries = calls.tries();
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
                    // Other hosts make progress and this one does not: that has a bound too.
                    if !calls.has_time(&tries) {
                        return self.refuse_line(&crowded_out(calls, view));
                    }
                }
                Landing::Failed(failure) => return self.refuse_line(&failure),
                Landing::Unknown(said) => return self.refuse_line(&unsettled(calls, view, said)),
            }
        }
    }

    /// Puts members back to the front of the line, in their order.
    fn rejoin(&self, members: Vec<Member>) {
        let mut line = guard(&self.line);
        members.into_iter().rev().for_each(|member| line.push_front(member));
    }

    fn refuse_line(&self, failure: &Failure) {
        let refused = std::mem::take(&mut *guard(&self.line));
        refused.into_iter().for_each(|member| member.answer(Err(failure.error())));
    }

    /// Answers the members that need no frame, and makes a flight of the rest; `None` if no member is left.
    async fn board(&self, calls: &Calls, view: &Mutex<View>) -> Result<Option<Flight>, Failure> {
        self.may_write(view)?;
        if self.mode == Mode::Exclusive && !guard(&self.turn).claimed {
            return Ok(Some(self.frame_of(view, Kind::Fence, &[])));
        }
        if self.mode == Mode::Shared {
            let next = guard(view).next;
            let since = *guard(&self.turn).waits.get_or_insert(next);
            // The appends that were answered a moment ago are followed by the next ones of the same callers:
            // this short pause lets these share the frame.
            calls.clock.sleep(self.put_time.linger()).await;
            turns::wait(calls, view, &self.put_time, &self.nonce, since).await.map_err(Failure::of)?;
        }
        // The members stay in line while the log is read for them: a caller may drop this future there.
        let looked_up = board::look_up(calls, &self.line, view).await.map_err(Failure::of)?;
        self.may_write(view)?;
        Ok(board::fill(&self.line, self.nonce, &guard(view), &looked_up))
    }

    /// Says whether this handle may append at all, as far as it has read the log.
    pub(crate) fn may_write(&self, view: &Mutex<View>) -> Result<(), Failure> {
        let view = guard(view);
        let epoch = view.position.epoch;
        if epoch > guard(&self.turn).epoch {
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

    /// Brings the flight into its slot, or finds out that its frame never will be there.
    ///
    /// The caller sees to it that there is a flight.
    async fn land(&self, calls: &Calls, view: &Mutex<View>, end: &mut End, tries: &mut Tries) -> Landing {
        let Some(flight) = &mut end.flight else { return Landing::Landed };
        loop {
            let said = match self.approach(calls, view, flight).await {
                Ok(Some(held)) => return self.settle(calls, view, end, &held),
                Ok(None) => "the slot is not there yet".to_owned(),
                Err(error @ SlotError::Refused { .. }) if !flight.sent => {
                    let failure = Failure::of(calls.io("create", flight.n, error));
                    return fail(end, failure);
                }
                Err(error) => chain_of(&error),
            };
            // There is time for another approach.
            if calls.pause(tries).await {
                continue;
            }
            // The time is over. No try has reached the store, so the frame is certainly not in the log.
            if !flight.sent {
                let path = calls.path(flight.n);
                return fail(end, Failure::Store { action: "create", path, said });
            }
            // A try may have reached the store, so the members hear that it is not known. The flight, now
            // without members, stays with the handle: the next append goes on with it and finds out.
            for (member, _) in flight.members.drain(..) {
                let error = unknown(&member, &said);
                member.answer(Err(error));
            }
            return Landing::Unknown(said);
        }
    }

    /// Tries once to create the slot, and returns what the slot holds afterwards; `None` if the slot is not
    /// there.
    async fn approach(
        &self,
        calls: &Calls,
        view: &Mutex<View>,
        flight: &mut Flight,
    ) -> Result<Option<Bytes>, SlotError> {
        if guard(view).next > flight.n {
            // Another call on this handle has read the slot already.
            let kept = guard(view).kept(flight.n);
            return if kept.is_some() { Ok(kept) } else { calls.look(flight.n).await };
        }
        // From here on the frame may reach the slot, even if the caller drops this future now.
        let sent = std::mem::replace(&mut flight.sent, true);
        let begun = calls.clock.monotonic();
        let created = calls.create(flight.n, flight.frame.clone()).await;
        if created.is_ok() {
            self.put_time.note(calls.clock.monotonic().saturating_sub(begun));
        }
        match created {
            Ok(Created::Made) => Ok(Some(flight.frame.clone())),
            // Either this handle's own success, of which the answer was lost, or another writer's frame, or
            // no frame at all.
            Ok(Created::Taken) | Err(SlotError::Unknown { .. }) => calls.look(flight.n).await,
            Err(error) => {
                flight.sent = sent;
                Err(error)
            }
        }
    }

    /// Draws the conclusion from what the slot of the flight holds.
    fn settle(&self, calls: &Calls, view: &Mutex<View>, end: &mut End, held: &Bytes) -> Landing {
        let Some(flight) = end.flight.take() else { return Landing::Landed };
        if let Err(error) = chain::take_in(calls, view, flight.n, held) {
            end.flight = Some(flight);
            return fail(end, Failure::of(error));
        }
        if *held != flight.frame {
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

/// Ends a flight whose frame is not in the log: each member hears why.
fn fail(end: &mut End, failure: Failure) -> Landing {
    let members = end.flight.take().map(|flight| flight.members).unwrap_or_default();
    members.into_iter().for_each(|(member, _)| member.answer(Err(failure.error())));
    Landing::Failed(failure)
}

/// The failure of appends that lost every slot to other writers, until their time was over.
fn crowded_out(calls: &Calls, view: &Mutex<View>) -> Failure {
    let path = calls.path(guard(view).next);
    Failure::Store { action: "create", path, said: "other writers took every slot".to_owned() }
}

/// The failure of appends that waited behind a flight of which nothing is known.
fn unsettled(calls: &Calls, view: &Mutex<View>, said: String) -> Failure {
    let path = calls.path(guard(view).next);
    Failure::Store { action: "settle", path, said }
}
