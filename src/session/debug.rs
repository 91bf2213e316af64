//! `Debug` for inputs and outputs: shows no header, body, message, token or position (X2).

use core::fmt;

use super::io::{Command, Input, Output, Request};

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
            Self::Headers { request, answer } => {
                let count = answer.as_ref().map(|headers| headers.len());
                f.debug_struct("Headers").field("request", request).field("answer", &count).finish()
            }
            Self::Unreadable { request, given } => {
                f.debug_struct("Unreadable").field("request", request).field("given", given).finish()
            }
            Self::Inspected { request, message } => {
                let length = message.map(str::len);
                f.debug_struct("Inspected").field("request", request).field("length", &length).finish()
            }
            Self::Taken { subscription, events } => {
                f.debug_struct("Taken").field("subscription", subscription).field("events", events).finish()
            }
            // Neither tokens nor positions are shown.
            Self::Token { number, .. } => f.debug_struct("Token").field("number", number).finish(),
            Self::TokenFailed { retryable, .. } => {
                f.debug_struct("TokenFailed").field("retryable", retryable).finish()
            }
            Self::TokenRefused { number } => f.debug_tuple("TokenRefused").field(number).finish(),
            Self::Loaded { request, result } => {
                let result = result.as_ref().map(Option::is_some);
                f.debug_struct("Loaded").field("request", request).field("result", &result).finish()
            }
            Self::Saved { request, problem } => {
                f.debug_struct("Saved").field("request", request).field("problem", problem).finish()
            }
            Self::Decided { request, retry } => {
                f.debug_struct("Decided").field("request", request).field("retry", retry).finish()
            }
            Self::Progress { subscription, sequence, done } => {
                let mut progress = f.debug_struct("Progress");
                progress.field("subscription", subscription).field("sequence", sequence);
                progress.field("done", done).finish()
            }
            Self::Command(command) => f.debug_tuple("Command").field(command).finish(),
        }
    }
}

/// Sizes in place of messages (X2).
impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscribe { subscription, channels, replay } => {
                let mut subscribe = f.debug_struct("Subscribe");
                subscribe.field("subscription", subscription).field("channels", channels);
                subscribe.field("replay", replay).finish()
            }
            Self::Unsubscribe { command, subscription, handed, linger } => {
                let mut unsubscribe = f.debug_struct("Unsubscribe");
                unsubscribe.field("command", command).field("subscription", subscription);
                unsubscribe.field("handed", handed).field("linger", linger).finish()
            }
            Self::Commit { command, subscriptions, sequence } => {
                let mut commit = f.debug_struct("Commit");
                commit.field("command", command).field("subscriptions", subscriptions);
                commit.field("sequence", sequence).finish()
            }
            Self::Publish { command, channel, data } => {
                let mut publish = f.debug_struct("Publish");
                publish
                    .field("command", command)
                    .field("channel", channel)
                    .field("length", &data.len())
                    .finish()
            }
            Self::Call { command, channel, data, timeout_ms } => {
                let mut call = f.debug_struct("Call");
                call.field("command", command).field("channel", channel);
                call.field("length", &data.len()).field("timeout_ms", timeout_ms).finish()
            }
            Self::Cancel { command } => f.debug_struct("Cancel").field("command", command).finish(),
            Self::RetryNow => f.write_str("RetryNow"),
            Self::Send { command, messages } => {
                f.debug_struct("Send").field("command", command).field("messages", &messages.len()).finish()
            }
            Self::Tap(on) => f.debug_tuple("Tap").field(on).finish(),
            Self::Drain { command, idle_ms, deadline_ms } => {
                let mut drain = f.debug_struct("Drain");
                drain.field("command", command).field("idle_ms", idle_ms);
                drain.field("deadline_ms", deadline_ms).finish()
            }
            Self::Pause { command } => f.debug_struct("Pause").field("command", command).finish(),
            Self::Hidden(hidden) => f.debug_tuple("Hidden").field(hidden).finish(),
            Self::Suspend { command } => f.debug_struct("Suspend").field("command", command).finish(),
            Self::Restore { subscriptions, message } => {
                let mut restore = f.debug_struct("Restore");
                restore.field("subscriptions", subscriptions).field("length", &message.len()).finish()
            }
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
            Self::Headers { request } => f.debug_struct("Headers").field("request", request).finish(),
            Self::Inspect { request, message } => {
                f.debug_struct("Inspect").field("request", request).field("length", &message.len()).finish()
            }
            Self::Authenticate { refused, moved } => {
                f.debug_struct("Authenticate").field("refused", refused).field("moved", moved).finish()
            }
            Self::NoToken => f.write_str("NoToken"),
            Self::Load { request, channel } => {
                f.debug_struct("Load").field("request", request).field("channel", channel).finish()
            }
            Self::Save { request, channel, position } => {
                let mut save = f.debug_struct("Save");
                save.field("request", request).field("channel", channel).field("position", position).finish()
            }
            Self::Decide { request, channel, error } => {
                let mut decide = f.debug_struct("Decide");
                decide.field("request", request).field("channel", channel).field("error", error).finish()
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

#[cfg(test)]
mod tests {
    use super::super::io::RequestId;
    use super::*;
    use crate::replay::Position;

    const SECRET: &str = "s3cret";

    #[test]
    fn x2_what_comes_in_is_shown_without_secrets() {
        let headers = [("Set-Cookie".to_owned(), SECRET.to_owned())];
        let position = Position { replay_id: SECRET.to_owned(), created_date: Some(SECRET.to_owned()) };
        let messages = [SECRET.to_owned()];
        let request = RequestId(1);
        let inputs = [
            Input::Head { request, status: 200, headers: &headers },
            Input::Chunk { request, bytes: SECRET.as_bytes() },
            Input::Headers { request: 1, answer: Ok(&headers) },
            Input::Inspected { request, message: Some(SECRET) },
            Input::Token { number: 1, access_token: SECRET, url: SECRET },
            Input::TokenFailed { message: SECRET, retryable: true },
            Input::Loaded { request: 1, result: Ok(Some(position)) },
            Input::Command(Command::Publish { command: 1, channel: "/a", data: SECRET }),
            Input::Command(Command::Call { command: 1, channel: "/a", data: SECRET, timeout_ms: None }),
            Input::Command(Command::Send { command: 1, messages: &messages }),
            Input::Command(Command::Restore { subscriptions: &[1], message: SECRET }),
        ];
        for input in inputs {
            let shown = format!("{input:?}");
            assert!(!shown.contains(SECRET), "{shown}");
            // Nor as a list of bytes: 115, 51.
            assert!(!shown.contains("115, 51"), "{shown}");
        }
        let token = Input::Token { number: 7, access_token: SECRET, url: SECRET };
        assert_eq!(format!("{token:?}"), "Token { number: 7 }");
    }

    #[test]
    fn x2_what_goes_out_is_shown_without_secrets() {
        let (id, url) = (RequestId(1), SECRET.to_owned());
        let headers = vec![("Authorization".to_owned(), SECRET.to_owned())];
        let outputs = [
            Output::Send(Request { id, url, headers, messages: vec![SECRET.to_owned()], kind: "connect" }),
            Output::Inspect { request: id, message: SECRET.to_owned() },
            Output::Message(SECRET.to_owned()),
            Output::Settled { command: 1, result: Ok(vec![SECRET.to_owned()]) },
        ];
        for output in outputs {
            let shown = format!("{output:?}");
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }
}
