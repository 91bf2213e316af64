//! Where the client gets its tokens: logins that fail, take long, are refused, or give what is no longer good.

use cometd_edge::session::Input;

use crate::schedule::Kind;
use crate::world::{Ev, World};

/// Where tokens may be good.
pub const INSTANCES: [&str; 2] =
    ["https://one.my.salesforce.com/cometd/67.0", "https://two.my.salesforce.com/cometd/67.0"];

#[derive(Default)]
pub struct Logins {
    /// The last token's number, over all clients.
    pub last: u32,
    /// The present client has asked for one, and this is the login that answers.
    open: Option<u32>,
    logins: u32,
    /// Those of the clients before.
    before: u32,
    pub instance: usize,
    pub refused_login: bool,
    pub refused_elsewhere: bool,
    /// Tokens that the present client was given.
    pub given: Vec<(u32, usize)>,
}

impl Logins {
    pub fn new_client(&mut self) {
        self.open = None;
        self.before = self.logins;
        self.given.clear();
        self.refused_elsewhere = false;
    }
}

pub fn token(number: u32) -> String {
    format!("s3cr3t-token-{number}!")
}

impl World {
    pub fn authenticate(&mut self, refused: bool, moved: bool) {
        assert!(self.logins.open.is_none(), "S10: asks for a token while one is being fetched");
        let first = self.logins.given.is_empty();
        assert!(refused != first || !refused && moved, "says wrongly whether the last token was refused");
        let asked_for = self.server.refused.contains(&self.logins.last) || self.logins.refused_elsewhere;
        assert!(!refused || asked_for, "S10: a new token although none was refused");
        self.logins.logins += 1;
        self.logins.open = Some(self.logins.logins);
        let faults = if self.calm { 0 } else { self.plan.replay.map_or(0, |plan| plan.login_faults) };
        let rng = &mut self.choices.chance;
        let long = rng.chance(faults) && self.schedule.next(self.now, Kind::Login, "slow login");
        let pause = if long { rng.between(2_000, 50_000) } else { rng.below(400) };
        self.about_login();
        let pause = self.choices.choose("after", 100, |_| pause);
        let login = self.logins.logins;
        self.after(pause, Ev::LoginEnds(login));
    }

    pub fn login_ends(&mut self, login: u32) {
        if self.logins.open != Some(login) || self.closed_at.is_some() {
            return;
        }
        self.logins.open = None;
        let plan = self.plan.replay.expect("replay");
        self.about_login();
        let fails = !self.calm && self.choices.chance.chance(plan.login_faults);
        let fails = fails && self.schedule.next(self.now, Kind::Login, "failed login");
        if self.choices.choose("fails", false, |_| fails) {
            let retryable =
                self.choices.choose("retryable", true, |rng| !(plan.login_may_refuse && rng.chance(300)));
            self.logins.refused_login |= !retryable;
            self.trace(|| format!("* no token, retryable {retryable}"));
            return self.input(Input::TokenFailed { message: "invalid_grant: try again", retryable });
        }
        let mut instance = self.logins.instance;
        let moves = !self.calm && self.choices.chance.chance(100);
        if moves && self.schedule.next(self.now, Kind::Login, "another instance") {
            instance = self.choices.chance.index(INSTANCES.len());
        }
        self.logins.instance = self.choices.choose("instance", self.logins.instance, |_| instance);
        self.logins.last += 1;
        self.logins.refused_elsewhere = false;
        let number = self.logins.last;
        let stale = !self.calm && plan.revoke_every_ms > 0 && self.choices.chance.chance(100);
        let stale = stale && self.schedule.next(self.now, Kind::Login, "stale token");
        if self.choices.choose("stale", false, |_| stale) {
            self.server.revoked.insert(number);
        }
        self.failures = (0, 0);
        self.logins.given.push((number, self.logins.instance));
        let (access_token, url) = (token(number), INSTANCES[self.logins.instance]);
        self.trace(|| format!("* token {number} for {url}"));
        let input = Input::Token { number, access_token: &access_token, url };
        self.no_secret(&format!("{input:?}"));
        self.input(input);
    }

    pub fn revoke(&mut self) {
        if self.calm {
            return;
        }
        let most = 2 * self.plan.replay.map_or(1, |plan| plan.revoke_every_ms);
        let pause = self.choices.chance.below(most);
        self.after(1 + pause, Ev::Revoke);
        if self.schedule.next(self.now, Kind::Token, "token revoked") {
            self.choices.deed(self.now, "token revoked");
            self.revoke_last();
        }
    }

    pub fn revoke_last(&mut self) {
        let last = self.logins.last;
        if self.choices.choose("elsewhere", false, |rng| rng.chance(200)) {
            // One that is no longer in use is of no interest to anybody.
            if self.choices.choose("old", false, |rng| rng.chance(300))
                && last > 1
                && self.closed_at.is_none()
            {
                return self.input(Input::TokenRefused { number: last - 1 });
            }
            self.trace(|| format!("== token {last} is refused elsewhere"));
            if last > 0 && self.closed_at.is_none() {
                if self.choices.choose("revoked", true, |rng| rng.chance(500)) {
                    self.server.revoked.insert(last);
                }
                self.logins.refused_elsewhere = true;
                self.input(Input::TokenRefused { number: last });
            }
            return;
        }
        self.trace(|| format!("== token {last} is revoked"));
        let own = crate::rng::Rng::new(self.choices.chance.next());
        let chance = core::mem::replace(&mut self.choices.chance, own);
        self.server.revoke(self.now, last, &mut self.choices);
        self.choices.chance = chance;
    }

    fn about_login(&mut self) {
        let (client, number) = (self.promises.client, self.logins.logins - self.logins.before);
        if self.calm {
            // From here on nothing goes wrong, whatever a record says.
            self.choices.about_nothing();
        } else {
            self.choices.about(|| format!("client {client} login {number}"));
        }
    }
}
