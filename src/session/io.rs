use core::fmt;

use super::error::Error;
use super::status::{State, Status};
use crate::Instant;
use crate::bayeux::message::Message;

/// Tells the requests of one session apart; never used twice.
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
/// Reports on a request that the session has aborted or does not know are ignored: the race is the driver's everyday
/// life, not a mistake.
#[non_exhaustive]
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
    /// The application wants something.
    Command(Command<'a>),
}

/// What the application wants. Commands issued before the next drain share a request (S3).
///
/// `command` and `subscription` are numbers of the caller's choice, from one sequence: each comes back once, in an
/// [`Output::Settled`].
#[non_exhaustive]
pub enum Command<'a> {
    /// Subscribe to one or more channels or globs; ends with [`Output::Settled`] for the subscription's number.
    Subscribe {
        /// The new subscription's number.
        subscription: u32,
        /// Channel names and globs, at least one.
        channels: &'a [String],
    },
    /// End a subscription: nothing of it comes out any more; settles when the server has answered.
    Unsubscribe {
        /// The number to settle.
        command: u32,
        /// The subscription to end.
        subscription: u32,
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
    /// Send Bayeux messages as they are, apart from `id` and `clientId`, which are added where they lack; settles with
    /// all replies, successful or not.
    Send {
        /// The number to settle.
        command: u32,
        /// JSON objects.
        messages: &'a [String],
    },
    /// Give out every message of the server as [`Output::Message`], or stop doing so.
    Tap(bool),
    /// Disconnect and end; [`Output::Closed`] follows within two seconds (S16).
    Close,
}

/// What the driver must do next.
#[must_use]
#[non_exhaustive]
pub enum Output {
    /// Start this exchange, and report its head, chunks and end.
    Send(Request),
    /// Stop this exchange; no report is expected.
    Abort(RequestId),
    /// Read this body no further until [`Release`](Output::Release): the application's queue is full (R8).
    Hold(RequestId),
    /// Read on.
    Release(RequestId),
    /// Let the extensions see this message, then answer with [`Input::Inspected`]. Only with [`Config::inspect`].
    ///
    /// [`Config::inspect`]: super::Config::inspect
    Inspect {
        /// The request whose body waits for the answer.
        request: RequestId,
        /// The message as it came.
        message: String,
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
    /// A subscription has ended: by the application (`None`), with the session, or by an error.
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
    /// Numbers of the matching subscriptions, ascending, at least one.
    pub subscriptions: Vec<u32>,
    /// The message itself, as it came.
    pub message: Message,
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
    /// To be quoted in the reports on it.
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

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("messages", &self.messages.len())
            .finish_non_exhaustive()
    }
}

/// Sizes in place of headers, bodies and messages (X2).
impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("Timeout"),
            Self::Head { request, status, headers } => {
                let mut head = f.debug_struct("Head");
                head.field("request", request)
                    .field("status", status)
                    .field("headers", &headers.len())
                    .finish()
            }
            Self::Chunk { request, bytes } => {
                f.debug_struct("Chunk").field("request", request).field("bytes", &bytes.len()).finish()
            }
            Self::End { request } => f.debug_struct("End").field("request", request).finish(),
            Self::Failed { request, reason } => {
                f.debug_struct("Failed").field("request", request).field("reason", reason).finish()
            }
            Self::Inspected { request, message } => {
                let length = message.map(str::len);
                f.debug_struct("Inspected").field("request", request).field("length", &length).finish()
            }
            Self::Taken { subscription, events } => {
                f.debug_struct("Taken").field("subscription", subscription).field("events", events).finish()
            }
            Self::Command(command) => f.debug_tuple("Command").field(command).finish(),
        }
    }
}

/// Sizes in place of messages (X2).
impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscribe { subscription, channels } => {
                let mut subscribe = f.debug_struct("Subscribe");
                subscribe.field("subscription", subscription).field("channels", channels).finish()
            }
            Self::Unsubscribe { command, subscription } => {
                let mut unsubscribe = f.debug_struct("Unsubscribe");
                unsubscribe.field("command", command).field("subscription", subscription).finish()
            }
            Self::Publish { command, channel, data } => {
                let mut publish = f.debug_struct("Publish");
                publish
                    .field("command", command)
                    .field("channel", channel)
                    .field("length", &data.len())
                    .finish()
            }
            Self::Send { command, messages } => {
                f.debug_struct("Send").field("command", command).field("messages", &messages.len()).finish()
            }
            Self::Tap(on) => f.debug_tuple("Tap").field(on).finish(),
            Self::Close => f.write_str("Close"),
        }
    }
}

/// Sizes in place of messages and replies (X2).
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(request) => f.debug_tuple("Send").field(request).finish(),
            Self::Abort(request) => f.debug_tuple("Abort").field(request).finish(),
            Self::Hold(request) => f.debug_tuple("Hold").field(request).finish(),
            Self::Release(request) => f.debug_tuple("Release").field(request).finish(),
            Self::Inspect { request, message } => {
                f.debug_struct("Inspect").field("request", request).field("length", &message.len()).finish()
            }
            Self::Event(event) => f.debug_tuple("Event").field(event).finish(),
            Self::Message(message) => f.debug_struct("Message").field("length", &message.len()).finish(),
            Self::Settled { command, result } => {
                let result = result.as_ref().map(Vec::len);
                f.debug_struct("Settled").field("command", command).field("result", &result).finish()
            }
            Self::Ended { subscription, error } => {
                f.debug_struct("Ended").field("subscription", subscription).field("error", error).finish()
            }
            Self::State(state) => f.debug_tuple("State").field(state).finish(),
            Self::Status(status) => f.debug_tuple("Status").field(status).finish(),
            Self::Closed(error) => f.debug_tuple("Closed").field(error).finish(),
            Self::Wait(at) => f.debug_tuple("Wait").field(at).finish(),
        }
    }
}
