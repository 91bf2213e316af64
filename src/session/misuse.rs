//! Invalid calls: mistakes of the caller.

use crate::bayeux::channel::ChannelError;
use crate::http::cookie_text::CookieError;
use crate::http::endpoint::EndpointError;
use crate::http::headers::HeaderError;
use crate::text::{decimal, filled};

/// The caller broke the contract of the API. Never caused by network data; the session is unchanged and usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
#[repr(u32)]
pub enum ApiMisuse {
    /// The URL cannot be used.
    Url(#[from] EndpointError),
    /// A header cannot be sent.
    Header(#[from] HeaderError),
    /// The message type cannot be appended to the URL, which has a query or a dot in its last segment.
    NotAppendable,
    /// Cookies cannot be sent.
    Cookies(#[from] CookieError),
    /// The host keeps the cookies ([`Config::own_cookies`](super::Config::own_cookies) is off), and would not send
    /// these.
    HostCookies,
    /// A channel name is malformed.
    Channel {
        /// The name as given.
        channel: String,
        /// What is wrong with it.
        source: ChannelError,
    },
    /// A call must go to a `/service/*` channel.
    NotService(String),
    /// `subscribe` was called with no channel at all.
    NoChannels,
    /// A number was used for a second subscription or command.
    NumberInUse(u32),
    /// The text is not JSON, or nested too deep.
    NotJson(&'static str),
    /// `send` was given a message without a channel.
    NoChannelInMessage,
    /// `send` was given a message that only the session itself may send.
    OwnChannel(String),
    /// A token would be sent unencrypted.
    Insecure,
    /// A wildcard has no position of its own (R2a).
    GlobWithPosition(String),
    /// Events of two filters on one topic cannot be distinguished (R2).
    TwoFilters(String),
    /// Subscriptions to one channel share its position, and so must agree (R3a).
    OtherConditions(String),
    /// As many channels are tracked as [`Limits::tracked_channels`](super::Limits::tracked_channels) allows, and the
    /// position of each must be kept.
    TooManyChannels(usize),
    /// A drain is running already.
    Draining,
    /// The client is paused, and sends nothing (D2).
    Suspended,
    /// The text is not a snapshot of [`Command::Suspend`](super::Command::Suspend) (S17).
    Snapshot,
    /// The session is over.
    Closed,
}

impl ApiMisuse {
    pub(super) fn text(&self) -> String {
        let (mut what, mut more) = ("", "");
        let number;
        match self {
            Self::Url(error) => what = error.as_str(),
            Self::Header(error) => what = error.as_str(),
            Self::Cookies(error) => what = error.as_str(),
            Self::Channel { channel, source } => (what, more) = (channel, source.as_str()),
            Self::NumberInUse(used) => {
                number = decimal(u64::from(*used));
                what = &number;
            }
            Self::TooManyChannels(max) => {
                number = decimal(*max as u64);
                what = &number;
            }
            Self::NotJson(call) => what = call,
            Self::OwnChannel(channel)
            | Self::NotService(channel)
            | Self::GlobWithPosition(channel)
            | Self::TwoFilters(channel)
            | Self::OtherConditions(channel) => what = channel,
            _ => {}
        }
        filled(self.template(), &[what, more])
    }

    pub(super) fn template(&self) -> &'static str {
        match self {
            Self::Url(_) => "url: %",
            Self::Header(_) => "headers: %",
            Self::NotAppendable => {
                "appendMessageTypeToURL: the url has a query, or a dot in its last segment, behind which nothing can stand; leave the option out"
            }
            Self::Cookies(_) => "cookies, or a Cookie header: %",
            Self::HostCookies => "cookies: the host keeps the cookies, and sends no others",
            Self::Channel { .. } => "channel %: %",
            Self::NotService(_) => "call: % is no service channel, such as /service/orders",
            Self::NoChannels => "subscribe: give at least one channel",
            Self::NumberInUse(_) => "number % is in use: numbers of subscriptions and commands ascend from 1",
            Self::NotJson(_) => "%: not JSON that can be sent",
            Self::NoChannelInMessage => "send: a message needs a channel",
            Self::OwnChannel(_) => {
                "send: % is the session's own; use connect(), subscribe(), unsubscribe() or close(). Only /service/* channels may be subscribed by it"
            }
            Self::Insecure => "url: must be https where a token is sent, or on this machine",
            Self::GlobWithPosition(_) => {
                "channel %: a wildcard can only start with new events: subscribe without it, or with start \"new\""
            }
            Self::TwoFilters(_) => {
                "channel %: there is a subscription to this topic with another filter: use a second client"
            }
            Self::OtherConditions(_) => {
                "channel %: another subscription to it has a different `start` or `commit`"
            }
            Self::TooManyChannels(_) => {
                "subscribe: % channels are tracked already (limits.trackedChannels): unsubscribe some, and let their events be committed"
            }
            Self::Draining => "drain: there is one already",
            Self::Suspended => "the client is suspended: it goes on with drain()",
            Self::Snapshot => "resume: not a snapshot that suspend() gave",
            Self::Closed => "the client is closed: connect again",
        }
    }
}
