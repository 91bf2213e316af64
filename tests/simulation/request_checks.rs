//! What must hold for what a request carries.

use cometd_edge::session::Request;

use crate::logins::{INSTANCES, token};
use crate::world::World;

impl World {
    /// X1, S10: the newest token, and where it is good; gives its number.
    pub fn check_credentials(&self, request: &Request) -> Option<u32> {
        let authorization: Vec<&str> = request
            .headers()
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .map(|(_, value)| value.as_str())
            .collect();
        if self.plan.replay.is_none_or(|plan| !plan.salesforce) {
            assert_eq!(request.url(), crate::world::URL);
            assert_eq!(authorization, [crate::world::SECRET_HEADER]);
            return None;
        }
        assert!(!self.logins.given.is_empty(), "S10: a request before there is a token");
        let carries = |(number, _): &&(u32, usize)| authorization == [format!("Bearer {}", token(*number))];
        let Some((number, instance)) = self.logins.given.iter().find(carries) else {
            // A client that ends takes the token that it has, if it has one.
            assert!(request.kind() == "disconnect" && authorization.is_empty(), "S10: an unknown token");
            return None;
        };
        assert_eq!(request.url(), INSTANCES[*instance], "S10a: a token goes where it was given for");
        Some(*number)
    }

    pub fn check_subscribe(&self, text: &str) {
        let message: serde_json::Value = serde_json::from_str(text).expect("JSON");
        if message["channel"] == "/meta/subscribe" {
            let name = message["subscription"].as_str().expect("a name");
            let position = &message["ext"]["replay"][crate::promises::topic_of(name)];
            let position = position.as_str().map_or_else(|| position.to_string(), str::to_owned);
            self.promises.subscribe_sent(&self.server, name, &position);
        }
    }
}
