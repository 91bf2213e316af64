//! The surroundings of the client: server, network, store and application.

use super::client::{self, Client, Effect, Stage};
use super::ids::{Id, Ids, Set};
use super::scope::{Budget, Scope};
use super::truth::{Truth, Verdict};
use crate::replay::book::Carrier;
use crate::replay::{OnInvalid, Start};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Publish,
    Join(usize),
    /// The reader leaves with so many of its uncommitted events in hand.
    Leave(usize, usize),
    /// It commits this one of its uncommitted events, by its place.
    Commit(usize, usize),
    /// A reader that has left commits what it had in hand.
    CommitLate(usize),
    NewSession,
    Subscribe,
    Unsubscribe,
    Command,
    Poll,
    /// The server answers, with all that is queued or with nothing.
    Answer(Carrier, bool),
    Refuse,
    /// The server says that it has not processed the request.
    NotProcessed,
    /// One event of a response arrives.
    Arrive(Carrier),
    End(Carrier),
    /// Lost, or cut after what has arrived, or aborted.
    Lose(Carrier),
    LeaveSession,
    SaveTakesEffect,
    SaveAnswered,
    SaveFails,
    SaveHangs,
    /// A save that was given up, or one of a client that is no more, takes effect after all.
    LateSave(Id),
    Crash,
    Suspend,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Poll {
        covers: bool,
    },
    /// After this event; 0 for all that there are, `None` for new ones.
    Subscribe(Option<Id>),
    Unsubscribe,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flight {
    Request(Request),
    Response { request: Request, events: Ids, refused: bool },
}

#[derive(Clone, Copy)]
struct Save {
    request: u32,
    id: Id,
    in_effect: bool,
}

#[derive(Clone)]
pub struct World {
    pub client: Client,
    pub truth: Truth,
    // The server.
    queue: Ids,
    subscribed: bool,
    flights: [Option<Flight>; 2],
    // The store.
    store: Option<Id>,
    save: Option<Save>,
    late: Set,
    left: Budget,
    effects: Vec<Effect>,
}

const CARRIERS: [Carrier; 2] = [Carrier::Poll, Carrier::Commands];

impl World {
    pub fn new(scope: &Scope) -> Self {
        Self {
            client: Client::new(scope, None),
            truth: Truth::default(),
            queue: Ids::default(),
            subscribed: false,
            flights: [None; 2],
            store: None,
            save: None,
            late: 0,
            left: scope.budget,
            effects: Vec::new(),
        }
    }

    pub fn actions(&self, scope: &Scope) -> Vec<Action> {
        let mut all = Vec::with_capacity(16);
        let mut on = |condition: bool, action| {
            if condition {
                all.push(action);
            }
        };
        let Self { client, left, .. } = self;
        on(self.truth.published < scope.events, Action::Publish);
        for reader in 0..scope.readers {
            let Some(open) = &client.readers[reader] else {
                // Readers are alike: the first to come is number 0.
                on(left.joins > 0 && (reader == 0 || client.is_read()), Action::Join(reader));
                continue;
            };
            (0..open.queue.len()).for_each(|place| on(true, Action::Commit(reader, place)));
            let handed = open.queue.iter().filter(|(sequence, _)| *sequence <= open.committed).count();
            (handed..=open.queue.len()).for_each(|count| on(left.leaves > 0, Action::Leave(reader, count)));
        }
        (0..client.gone.len()).for_each(|place| on(scope.is_manual(), Action::CommitLate(place)));
        let over = client.has_lost();
        on(over, Action::LeaveSession);
        on(client.wants_session(), Action::NewSession);
        on(client.wants_subscribe() && !over, Action::Subscribe);
        on(client.wants_unsubscribe() && !over, Action::Unsubscribe);
        let may_send = |carrier| client.session && !over && !client.flies(carrier);
        on(may_send(Carrier::Commands) && left.commands > 0, Action::Command);
        on(may_send(Carrier::Poll), Action::Poll);
        for carrier in CARRIERS {
            match self.flights[carrier as usize] {
                None => continue,
                Some(Flight::Request(request)) => {
                    let position = matches!(request, Request::Subscribe(Some(1..)));
                    let too_old =
                        matches!(request, Request::Subscribe(Some(id @ 1..)) if id < self.truth.trimmed);
                    on(position && (left.refusals > 0 || too_old), Action::Refuse);
                    if !too_old {
                        let brings = !self.queue.is_empty() || matches!(request, Request::Subscribe(_));
                        on(brings, Action::Answer(carrier, true));
                        // An empty poll changes nothing if it has seen nothing pass.
                        let changes = client.expects_again() || !client.poll_is_fresh();
                        let poll = self.queue.is_empty() && changes;
                        let empty = carrier == Carrier::Commands || poll;
                        on(empty, Action::Answer(carrier, false));
                    }
                    on(carrier == Carrier::Commands && left.unprocessed > 0, Action::NotProcessed);
                }
                Some(Flight::Response { events, .. }) => {
                    on(!events.is_empty(), Action::Arrive(carrier));
                    on(events.is_empty(), Action::End(carrier));
                }
            }
            on(left.losses > 0, Action::Lose(carrier));
        }
        if let Some(save) = self.save {
            on(!save.in_effect, Action::SaveTakesEffect);
            on(save.in_effect, Action::SaveAnswered);
            on(left.failing_saves > 0, Action::SaveFails);
            on(left.hanging_saves > 0, Action::SaveHangs);
        }
        (1..=scope.events).for_each(|id| on(super::ids::has(self.late, id), Action::LateSave(id)));
        on(left.crashes > 0, Action::Crash);
        on(left.suspensions > 0, Action::Suspend);
        all
    }

    /// Tells what is wrong, if anything is.
    pub fn apply(&mut self, action: Action, scope: &Scope) -> Verdict {
        let before = self.client.position();
        self.perform(action, scope)?;
        self.call_store()?;
        let position = self.client.position();
        if position != before {
            self.truth.position_moved(position)?;
        }
        if self.client.has_needless_gap {
            return Err("a gap is reported although a position is known".to_owned());
        }
        if !self.client.is_consistent() {
            return Err("counts differ from what they count".to_owned());
        }
        self.at_rest()
    }

    fn perform(&mut self, action: Action, scope: &Scope) -> Verdict {
        let left = &mut self.left;
        match action {
            Action::Publish => {
                self.truth.published += 1;
                if self.subscribed {
                    self.queue.push(self.truth.published);
                }
            }
            Action::Join(reader) => {
                left.joins -= 1;
                let mut effects = std::mem::take(&mut self.effects);
                if let Some(position) = self.client.join(scope, reader, self.store, &mut effects) {
                    self.truth.life_begins(position, &scope.start, self.store);
                }
                self.truth.joined(reader, self.client.position());
                self.effects = effects;
            }
            Action::Leave(reader, in_hand) => {
                left.leaves -= 1;
                let open = self.client.readers[reader].as_ref();
                let (queue, committed) =
                    open.map(|open| (open.queue.clone(), open.committed)).unwrap_or_default();
                let handed = in_hand.checked_sub(1).map_or(0, |last| queue[last].0).max(committed);
                self.truth.left(reader, queue.iter().take(in_hand).map(|(_, id)| *id));
                self.client.leave(reader, handed);
            }
            Action::Commit(reader, place) => {
                let id = self.client.readers[reader].as_ref().map_or(0, |open| open.queue[place].1);
                if scope.is_manual() {
                    self.truth.committed(reader, Ids::from([id]));
                }
                let done = self.client.commit(scope, reader, place, &mut self.effects);
                self.truth.committed(reader, done);
            }
            Action::CommitLate(place) => {
                let id = self.client.gone[place].2;
                self.client.commit_late(place, &mut self.effects);
                self.truth.committed_late(id, self.client.gone.iter().map(|(.., id)| *id));
            }
            Action::NewSession => self.client.begin_session(),
            Action::Subscribe => {
                if let Some(text) = self.client.subscribe(&mut self.effects) {
                    let after = match client::from(&text) {
                        Ok(id) => Some(id),
                        Err(Start::All) => Some(0),
                        Err(_) => None,
                    };
                    self.flights[1] = Some(Flight::Request(Request::Subscribe(after)));
                }
            }
            Action::Unsubscribe => {
                self.client.unsubscribe();
                self.flights[1] = Some(Flight::Request(Request::Unsubscribe));
            }
            Action::Command => {
                left.commands -= 1;
                self.client.send(Carrier::Commands);
                self.flights[1] = Some(Flight::Request(Request::Other));
            }
            Action::Poll => {
                let covers = self.client.stage == Stage::Present;
                self.client.send(Carrier::Poll);
                self.flights[0] = Some(Flight::Request(Request::Poll { covers }));
            }
            Action::Answer(carrier, with_events) => self.answer(carrier, with_events),
            Action::Refuse => {
                left.refusals = left.refusals.saturating_sub(1);
                let Some(Flight::Request(request @ Request::Subscribe(Some(after)))) = self.flights[1] else {
                    return Ok(());
                };
                self.truth.trimmed = self.truth.trimmed.max(after);
                self.flights[1] = Some(Flight::Response { request, events: Ids::default(), refused: true });
            }
            Action::NotProcessed => {
                left.unprocessed -= 1;
                self.flights[1] = None;
                self.client.end(Carrier::Commands, false, &mut self.effects);
                self.client.not_processed();
            }
            Action::Arrive(carrier) => {
                let Some(Flight::Response { events, .. }) = &mut self.flights[carrier as usize] else {
                    return Ok(());
                };
                let id = events.take_first().unwrap_or_default();
                self.client.receive(scope, carrier, id, &mut self.effects);
            }
            Action::End(carrier) => self.end(carrier, scope),
            Action::Lose(carrier) => {
                left.losses -= 1;
                self.flights[carrier as usize] = None;
                self.client.lose(carrier);
                if !scope.lingers {
                    self.client.leave_session(&mut self.effects);
                }
            }
            Action::LeaveSession => self.client.leave_session(&mut self.effects),
            Action::SaveTakesEffect => {
                let Some(save) = &mut self.save else { return Ok(()) };
                save.in_effect = true;
                self.store = Some(save.id);
            }
            Action::SaveAnswered => {
                let Some(save) = self.save.take() else { return Ok(()) };
                self.truth.saved = Some(save.id);
                self.client.saved(save.request, &mut self.effects);
            }
            Action::SaveFails | Action::SaveHangs => {
                let hangs = action == Action::SaveHangs;
                let left = if hangs { &mut left.hanging_saves } else { &mut left.failing_saves };
                *left -= 1;
                let Some(save) = self.save.take() else { return Ok(()) };
                if hangs && !save.in_effect {
                    self.late |= 1 << save.id;
                }
                self.client.save_failed(save.request, hangs);
            }
            Action::LateSave(id) => {
                self.late &= !(1 << id);
                self.store = Some(id);
            }
            Action::Crash => {
                left.crashes -= 1;
                self.life_ends(scope, None);
            }
            Action::Suspend => {
                left.suspensions -= 1;
                self.client.leave_session(&mut self.effects);
                self.take_effects()?;
                let position = self.client.position();
                self.truth.position_moved(position)?;
                self.life_ends(scope, position);
            }
        }
        self.take_effects()?;
        if !self.client.session {
            self.flights = [None; 2];
            self.queue = Ids::default();
            self.subscribed = false;
        }
        Ok(())
    }

    fn answer(&mut self, carrier: Carrier, with_events: bool) {
        let Some(Flight::Request(request)) = self.flights[carrier as usize] else { return };
        match request {
            Request::Subscribe(after) => {
                let after = self.truth.subscribed_after(after);
                self.subscribed = true;
                // In a session that has it already, what is left over from then is still in front.
                (after + 1..=self.truth.published).for_each(|id| self.queue.push(id));
            }
            Request::Unsubscribe => self.subscribed = false,
            Request::Poll { .. } | Request::Other => {}
        }
        let events = if with_events { std::mem::take(&mut self.queue) } else { Ids::default() };
        self.truth.answered(carrier, events);
        self.flights[carrier as usize] = Some(Flight::Response { request, events, refused: false });
    }

    fn end(&mut self, carrier: Carrier, scope: &Scope) {
        let Some(Flight::Response { request, refused, .. }) = self.flights[carrier as usize].take() else {
            return;
        };
        let covers = request == Request::Poll { covers: true };
        match request {
            _ if refused => {
                if self.client.refused() {
                    self.truth.epoch_begins(scope.on_invalid == OnInvalid::All);
                }
            }
            Request::Subscribe(_) => self.client.subscribed(),
            Request::Unsubscribe => self.client.unsubscribed(),
            Request::Poll { .. } | Request::Other => {}
        }
        self.client.end(carrier, covers, &mut self.effects);
    }

    /// What is on its way to the store may still take effect.
    fn life_ends(&mut self, scope: &Scope, snapshot: Option<Id>) {
        if let Some(save) = self.save.take().filter(|save| !save.in_effect && scope.budget.hanging_saves > 0)
        {
            self.late |= 1 << save.id;
        }
        self.client = Client::new(scope, snapshot);
        self.truth.life_ends();
    }

    fn call_store(&mut self) -> Verdict {
        if self.client.is_loaded() {
            self.client.call_store(self.save.is_some(), &mut self.effects);
        }
        self.take_effects()
    }

    fn take_effects(&mut self) -> Verdict {
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Give(reader, id) => self.truth.given(reader, id)?,
                Effect::Gap => self.truth.gap(self.client.goes_on_after()),
                Effect::Save(request, id) => {
                    if self.save.is_some() {
                        return Err("two saves at once".to_owned());
                    }
                    if self.client.position() != Some(id) {
                        return Err(format!("{id} is saved, which is not the position"));
                    }
                    self.save = Some(Save { request, id, in_effect: false });
                }
                Effect::Saved(id) => self.truth.commit_resolved(id)?,
                Effect::Known(id) => self.truth.commit_given_up(id)?,
            }
        }
        Ok(())
    }

    fn at_rest(&self) -> Verdict {
        let empty = |flight: &Option<Flight>| match flight {
            Some(Flight::Response { events, refused, .. }) => events.is_empty() && !refused,
            Some(Flight::Request(request)) => !matches!(request, Request::Subscribe(_)),
            None => true,
        };
        let live = self.client.session
            && self.client.stage == Stage::Present
            && self.subscribed
            && !self.client.has_lost();
        if !live || !self.queue.is_empty() || !self.flights.iter().all(empty) {
            return Ok(());
        }
        self.truth.nothing_is_missing()?;
        let fresh = !self.client.flies(Carrier::Poll) || self.client.poll_is_fresh();
        if !fresh || self.flights[1].is_some() || self.save.is_some() {
            return Ok(());
        }
        self.truth.nothing_is_stuck(self.client.position(), self.store)
    }

    /// Once no fault happens any more, perhaps after a last crash: everything is answered, read and committed. At the end the
    /// position is the last event, the store has it, and no commit waits.
    pub fn finish(&mut self, scope: &Scope, after_crash: bool) -> Verdict {
        self.left = Budget { joins: 1, crashes: u8::from(after_crash), ..Budget::default() };
        self.late = 0;
        if after_crash {
            self.apply(Action::Crash, scope)?;
        }
        for _ in 0..100 {
            if self.is_finished() {
                return Ok(());
            }
            let wanted = |action: &Action| match action {
                Action::Join(_) => !self.client.is_read() || self.truth.is_held(),
                Action::Publish | Action::Unsubscribe | Action::CommitLate(_) => false,
                Action::Answer(Carrier::Commands, with_events) => *with_events || self.queue.is_empty(),
                Action::Poll => self.client.stage == Stage::Present && !self.flies_any(),
                _ => true,
            };
            let actions = self.actions(scope);
            let Some(action) = actions.into_iter().find(wanted) else { break };
            self.apply(action, scope)
                .map_err(|what| format!("{what}, once faults have stopped, at {action:?}"))?;
        }
        let Self { client, truth, .. } = self;
        let (position, stage, pending) = (client.position(), client.stage, client.pending.len());
        Err(format!(
            "stuck once faults have stopped: position {position:?}, store {:?}, {stage:?}, {pending} commits wait, {truth:?}",
            self.store,
        ))
    }

    fn flies_any(&self) -> bool {
        self.flights.iter().any(Option::is_some)
    }

    fn is_finished(&self) -> bool {
        let live = self.client.session && self.client.stage == Stage::Present && self.subscribed;
        let read = self.client.readers.iter().flatten().all(|reader| reader.queue.is_empty());
        let saved = self.save.is_none() && self.truth.is_saved(self.client.position(), self.store);
        live && read
            && saved
            && self.queue.is_empty()
            && self.client.pending.is_empty()
            && self.truth.is_complete(self.client.position())
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        self.client.encode(out);
        self.truth.encode(out);
        out.extend(self.queue.bytes());
        out.push(u8::from(self.subscribed));
        for flight in &self.flights {
            match flight {
                None => out.push(0),
                Some(Flight::Request(request)) => out.extend([1, request.byte()]),
                Some(Flight::Response { request, events, refused }) => {
                    out.extend([2 + u8::from(*refused), request.byte()]);
                    out.extend(events.bytes());
                }
            }
        }
        let save = self.save.map_or([0, 0], |save| [save.id, u8::from(save.in_effect)]);
        out.extend([self.store.unwrap_or(0), save[0], save[1]]);
        out.extend(self.late.to_le_bytes());
        let Budget { joins, leaves, losses, commands, unprocessed, refusals, .. } = self.left;
        let Budget { failing_saves, hanging_saves, crashes, suspensions, .. } = self.left;
        out.extend([joins, leaves, losses, commands, unprocessed, refusals]);
        out.extend([failing_saves, hanging_saves, crashes, suspensions]);
    }
}

impl Request {
    fn byte(self) -> u8 {
        match self {
            Self::Poll { covers } => u8::from(covers),
            Self::Subscribe(after) => 16 + after.map_or(15, |after| after),
            Self::Unsubscribe => 2,
            Self::Other => 3,
        }
    }
}
