use std::sync::Arc;

use super::error::Error;
use super::status::{State, Status};
use crate::Instant;
use crate::bayeux::message::Message;
use crate::replay::{Commit, OnInvalid, Position, Start};

/// Identifies a request within one session; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u32);

impl RequestId {
    /// The number behind the id, for drivers that key their own tables by it.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// What happened outside. Texts and bytes are borrowed for the call only.
///
/// Reports on a request that the session has aborted or does not know are ignored: a driver cannot avoid that race.
#[non_exhaustive]
#[repr(u32)]
pub enum Input<'a> {
    /// The instant in the last [`Output::Wait`] has passed. Early or repeated calls are no-ops.
    Timeout,
    /// The head of a response has arrived.
    Head {
        /// The request it answers.
        request: RequestId,
        /// HTTP status; 0 for a redirect that the host hides (`opaqueredirect` in browsers).
        status: u16,
        /// Name and value of each header, names in any case; every `Set-Cookie` is an entry of its own.
        headers: &'a [(String, String)],
    },
    /// Some bytes of the body, split anywhere.
    Chunk {
        /// The request they answer.
        request: RequestId,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The body has ended as HTTP says it should.
    End {
        /// The request it answers.
        request: RequestId,
    },
    /// The exchange broke: no connection, a cut in the middle, a host that refused to send.
    Failed {
        /// The request that broke.
        request: RequestId,
        /// The host's words, for the error; must not hold secrets.
        reason: &'a str,
    },
    /// The answer to [`Output::Headers`]. Answers that come late are ignored.
    Headers {
        /// The number of the question.
        request: u32,
        /// Names and values, which the session checks; or why there are none, which must not hold secrets. If there are
        /// none, or one cannot be sent, the attempt has failed (S8).
        answer: Result<&'a [(String, String)], &'a str>,
    },
    /// The function that makes the requests gave something that is not a response, and will do so again.
    Unreadable {
        /// The request.
        request: RequestId,
        /// What it gave instead; must hold nothing that the server sent.
        given: &'static str,
    },
    /// The answer to [`Output::Inspect`]: the message to go on with, or `None` to drop it.
    Inspected {
        /// The request whose body waits.
        request: RequestId,
        /// The message as JSON; text that is not a JSON object drops the message.
        message: Option<&'a str>,
    },
    /// The application is done with its oldest `events` of a subscription, which then no longer count as queued (R8).
    Taken {
        /// The subscription.
        subscription: u32,
        /// How many events.
        events: usize,
    },
    /// The answer to [`Output::Authenticate`]. A token for another endpoint moves the session there; one for the same
    /// endpoint is kept until the last one is refused (S10a).
    Token {
        /// Ascends from 1.
        number: u32,
        /// Without `Bearer`.
        access_token: &'a str,
        /// The endpoint for which it is valid.
        url: &'a str,
    },
    /// The other answer to [`Output::Authenticate`]: there is no token.
    TokenFailed {
        /// Why; must not hold secrets.
        message: &'a str,
        /// Whether to ask again after a while; otherwise the client ends with this error.
        retryable: bool,
    },
    /// A request outside the session was refused with this token, and waits for the next one or for [`Output::NoToken`].
    TokenRefused {
        /// The number of that token.
        number: u32,
    },
    /// The answer to [`Output::Load`]. Answers that come late are ignored.
    Loaded {
        /// The load.
        request: u32,
        /// The position, if there is one; or what went wrong, and whether that is because what is stored is no
        /// position.
        result: Result<Option<Position>, (&'a str, bool)>,
    },
    /// The answer to [`Output::Save`]. Answers that come late are ignored.
    Saved {
        /// The save.
        request: u32,
        /// What went wrong.
        problem: Option<&'a str>,
    },
    /// The answer to [`Output::Decide`].
    Decided {
        /// The number of the question.
        request: u32,
        /// Try again, give up, or leave it to the session (`None`).
        retry: Option<bool>,
    },
    /// The application was handed all events of a subscription up to this one, or is done with them (R3).
    Progress {
        /// The subscription.
        subscription: u32,
        /// The sequence number of the event.
        sequence: u32,
        /// Whether the events are done with, and not just handed out.
        done: bool,
    },
    /// The application wants something.
    Command(Command<'a>),
}

/// What the application wants. Commands issued before the next drain share a request (S3).
///
/// `command` and `subscription` are numbers of the caller's choice, from one sequence: each comes back once, in an
/// [`Output::Settled`].
#[non_exhaustive]
#[repr(u32)]
pub enum Command<'a> {
    /// Subscribe to one or more channels or globs; ends with [`Output::Settled`] for the subscription's number.
    Subscribe {
        /// The new subscription's number.
        subscription: u32,
        /// Channel names and globs, at least one.
        channels: &'a [String],
        /// Track their positions by replay.
        replay: Option<ReplayOptions<'a>>,
    },
    /// End a subscription: none of its events come out any more; settles when the server has answered.
    Unsubscribe {
        /// The number to settle.
        command: u32,
        /// The subscription to end.
        subscription: u32,
        /// The sequence number of the last event of it that was handed out; 0 for none (R3a).
        handed: u32,
        /// The server is told only after 3 s in which nobody else has subscribed to a channel that is tracked, since a
        /// channel that has been unsubscribed can be tracked again only in a new session (R7b). Settles at once.
        linger: bool,
    },
    /// The application is done with one event; settles once a position at or above it is saved (R3).
    Commit {
        /// The number to settle.
        command: u32,
        /// The subscriptions whose reader was given the event.
        subscriptions: &'a [u32],
        /// The event's number.
        sequence: u32,
    },
    /// Publish a message; settles with the server's reply.
    Publish {
        /// The number to settle.
        command: u32,
        /// A literal channel.
        channel: &'a str,
        /// The `data` field, as JSON.
        data: &'a str,
    },
    /// Publish a message on a `/service/*` channel, and wait for the service's answer: the message on that channel with
    /// the same id. Settles with the answer, which goes to no subscription.
    ///
    /// It fails with [`Error::CallFailed`] where the service says so, with [`Error::PublishRefused`] where the server does,
    /// and with [`Error::Timeout`] or [`Error::OutcomeUnknown`] where no answer came, or it was lost with a response or
    /// with the session: then it may or may not have been processed.
    Call {
        /// The number to settle.
        command: u32,
        /// A literal channel.
        channel: &'a str,
        /// The `data` field, as JSON.
        data: &'a str,
        /// Milliseconds from now on; `None`: as [`Config::network_delay_ms`](super::Config::network_delay_ms).
        timeout_ms: Option<u64>,
    },
    /// Forget a call: it no longer settles, and is not sent if it has not been sent yet.
    Cancel {
        /// The number of the call.
        command: u32,
    },
    /// End each wait before a next attempt that is only due to a back-off (S8): of handshakes, polls, commands, logins
    /// and the store. The attempt goes out at once, or once [`initial_delay_ms`](super::Retry::initial_delay_ms) have
    /// passed since the failure, and later back-offs start from the shortest wait again. Waits that the server asks
    /// for, and the storm guard (S8a), stay.
    RetryNow,
    /// Send Bayeux messages as they are; `id` and `clientId` are added where they are missing. Settles with all
    /// replies, successful or not. Of meta messages only a subscribe or unsubscribe of `/service/*` channels.
    Send {
        /// The number to settle.
        command: u32,
        /// JSON objects.
        messages: &'a [String],
    },
    /// Give out every message of the server as [`Output::Message`], or stop doing so.
    Tap(bool),
    /// Run until nothing has come for `idle_ms` or the deadline has passed, both counted from now, and then pause
    /// ([`State::Suspended`]): open requests are released, and nothing is sent (D1, D2). Settles at that moment, with
    /// [`Error::Deadline`] if there was no session at all.
    Drain {
        /// The number to settle.
        command: u32,
        /// Milliseconds without an event; `None`: only the deadline counts.
        idle_ms: Option<u64>,
        /// Milliseconds.
        deadline_ms: u64,
    },
    /// Send nothing until the next drain ([`State::Suspended`]); ends a drain. Settles once what is committed is saved, within
    /// two seconds (D2).
    Pause {
        /// The number to settle.
        command: u32,
    },
    /// The page is hidden, and the client pauses at once; or it is shown again, and goes on (R7a).
    Hidden(bool),
    /// End without ending the session at the server; settles with a snapshot for [`Config::resume`], within two seconds,
    /// and [`Output::Closed`] follows (S17).
    ///
    /// [`Config::resume`]: super::Config::resume
    Suspend {
        /// The number to settle.
        command: u32,
    },
    /// Give out an event that was queued when the client was suspended (S17).
    Restore {
        /// The subscriptions that it was queued for.
        subscriptions: &'a [u32],
        /// As the server sent it.
        message: &'a str,
    },
    /// Disconnect and end; [`Output::Closed`] follows within two seconds (S16).
    Close,
}

/// How the positions of channels are tracked (R2 to R6).
#[derive(Clone, Copy, Debug)]
pub struct ReplayOptions<'a> {
    /// Where each channel starts if the store has no position. A channel that is not listed starts with new events.
    pub starts: &'a [Start],
    /// When events count as done.
    pub commit: Commit,
    /// What follows when the server refuses a position.
    pub on_invalid: OnInvalid,
}

impl ReplayOptions<'_> {
    pub(super) fn start(&self, index: usize) -> Start {
        self.starts.get(index).cloned().unwrap_or(Start::New)
    }
}

/// What the driver must do next.
#[must_use]
#[non_exhaustive]
#[repr(u32)]
pub enum Output {
    /// Start this exchange, and report its head, chunks and end.
    Send(Request),
    /// Stop this exchange; no report is expected.
    Abort(RequestId),
    /// Read this body no further until [`Release`](Output::Release): the application's queue is full (R8).
    Hold(RequestId),
    /// Read on.
    Release(RequestId),
    /// Get the headers of a request that is about to go out; [`Input::Headers`] answers. Only with [`Config::asks_headers`].
    ///
    /// [`Config::asks_headers`]: super::Config::asks_headers
    Headers {
        /// The number to repeat in the answer.
        request: u32,
    },
    /// Let the extensions see this message, then answer with [`Input::Inspected`]. Only with [`Config::inspect`].
    ///
    /// [`Config::inspect`]: super::Config::inspect
    Inspect {
        /// The request whose body waits for the answer.
        request: RequestId,
        /// The message as it came.
        message: String,
    },
    /// Get an access token, and answer with [`Input::Token`] or [`Input::TokenFailed`].
    Authenticate {
        /// The last one was refused: another one is needed.
        refused: bool,
        /// The server redirects, or has been silent for long: it may be elsewhere by now, which only a login can tell
        /// (S10a). Requests go on with the last token meanwhile, unless it was refused too.
        moved: bool,
    },
    /// The requests outside the session that wait for the next token ([`Input::TokenRefused`]) get none for now.
    NoToken,
    /// Ask the replay store; [`Input::Loaded`] answers.
    Load {
        /// The number to repeat in the answer.
        request: u32,
        /// The store's key.
        channel: String,
    },
    /// Hand a position to the replay store; [`Input::Saved`] answers.
    Save {
        /// The number to repeat in the answer.
        request: u32,
        /// The store's key.
        channel: String,
        /// The last position before which all is committed.
        position: Position,
    },
    /// Shall this subscription be tried again? [`Input::Decided`] answers. Only with [`Config::decides`].
    ///
    /// [`Config::decides`]: super::Config::decides
    Decide {
        /// The number to repeat in the answer.
        request: u32,
        /// The channel.
        channel: String,
        /// The server's refusal.
        error: Error,
    },
    /// An event for the application.
    Event(Event),
    /// A message of the server, `/meta/*` included. Only after [`Command::Tap`].
    Message(String),
    /// A command has ended.
    Settled {
        /// The number of the command or subscription; 0 for the first handshake.
        command: u32,
        /// The server's replies as JSON texts, or why it failed.
        result: Result<Vec<String>, Error>,
    },
    /// A subscription has ended: by the application (`None`), with the session, or by an error. After an error, its
    /// events that were given out before count as queued until [`Input::Taken`] or [`Command::Unsubscribe`] releases
    /// them (R8).
    Ended {
        /// Its number.
        subscription: u32,
        /// Why, unless the application wanted it.
        error: Option<Error>,
    },
    /// The state has changed.
    State(State),
    /// News for `status()`.
    Status(Status),
    /// The session is over; nothing is in flight. Nothing but [`Wait`](Output::Wait) follows.
    Closed(Option<Error>),
    /// Nothing more until the next input, or until this instant if there is one. Ends every drain.
    Wait(Option<Instant>),
}

/// An event, and the subscriptions it belongs to.
#[derive(Clone, Debug)]
pub struct Event {
    /// Ascends over all events of the session.
    pub sequence: u32,
    /// Numbers of the matching subscriptions, ascending, at least one.
    pub subscriptions: Vec<u32>,
    /// The message itself, as it came.
    pub message: Arc<Message>,
}

/// One HTTP exchange: a POST of JSON. `Debug` shows neither headers nor body (X2).
#[derive(Clone)]
pub struct Request {
    pub(super) id: RequestId,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) messages: Vec<String>,
    pub(super) kind: &'static str,
}

impl Request {
    /// The id to repeat in the reports on it.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// Where to send it. The method is POST, redirects are not followed (X1).
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Names and values, checked; `Content-Type` and the jar's `Cookie` included.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The Bayeux messages, each a JSON object.
    pub fn messages(&self) -> &[String] {
        &self.messages
    }

    /// `"handshake"`, `"connect"`, `"disconnect"` or `"commands"`, for logs.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The body: all messages in one JSON array.
    pub fn body(&self) -> String {
        body_of(&self.messages)
    }
}

/// Joins messages to the array that Bayeux wants.
pub fn body_of(messages: &[String]) -> String {
    let mut body = String::with_capacity(messages.iter().map(|message| message.len() + 1).sum::<usize>() + 2);
    for message in messages {
        body.push(if body.is_empty() { '[' } else { ',' });
        body.push_str(message);
    }
    if body.is_empty() {
        body.push('[');
    }
    body.push(']');
    body
}
